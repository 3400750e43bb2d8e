"""The graph's operations, each with a forward and a backward pass."""

"""The operations of the graph, each with its forward and backward calls."""

"""The operations of the graph, each with its forward and backward calls."""

__all__ = ["convolution", "dense", "stochastic"]

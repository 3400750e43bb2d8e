"""The Open Inference Protocol, version 2, with its binary tensor extension."""

__all__ = ["compression", "inputs", "outputs", "request", "tensors"]

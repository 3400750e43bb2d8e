"""The Open Inference Protocol, version 2, with its binary tensor extension."""

__all__ = ["classification", "inputs", "outputs", "request", "tensors"]

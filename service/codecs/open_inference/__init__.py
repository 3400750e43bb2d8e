"""The Open Inference Protocol, version 2, with its binary tensor extension."""

__all__ = ["classification", "fact_outputs", "inputs", "outputs", "request", "tensors"]

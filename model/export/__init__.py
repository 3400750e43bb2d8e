"""Export of trained models to other formats."""

__all__ = ["onnx_model"]

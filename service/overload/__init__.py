"""Admission control, work limits and rejections under overload."""

__all__ = ["admission", "limiter"]

"""Requests that are answered at once, without a task and without ASGI messages."""

__all__ = ["fast_path", "recorder"]

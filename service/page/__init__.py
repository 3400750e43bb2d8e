"""The page of the service: its static files, and when a request gets them."""

__all__ = ["page"]

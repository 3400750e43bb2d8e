"""One hardened HTTP/1.1 connection: deadlines, limits, validation of the request head."""

__all__ = ["connection_context", "direct_requests", "http_protocol", "transport"]

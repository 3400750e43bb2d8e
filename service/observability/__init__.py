"""Metrics, logs and traces of the service."""

__all__ = [
    "access_log",
    "exposition",
    "log_writer",
    "logging",
    "metrics",
    "prometheus",
    "request_ids",
    "tracing",
]

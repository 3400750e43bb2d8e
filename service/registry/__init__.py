"""Models and versions: loading, reloading, batching and metadata."""

__all__ = [
    "canary",
    "curves",
    "mirror_poller",
    "model_version",
    "recording",
    "registry",
    "reloadable_model",
    "reloader",
    "reports",
    "thresholds",
    "validation_metrics",
]

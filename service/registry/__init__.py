"""Models and versions: loading, reloading, batching, metadata."""

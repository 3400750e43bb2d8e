"""Models and versions: loading, reloading, batching and metadata."""

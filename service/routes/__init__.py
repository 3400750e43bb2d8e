"""One module a path."""

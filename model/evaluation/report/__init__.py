"""The HTML report of one model."""

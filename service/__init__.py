"""REST service for predictions, metrics and metadata of trained models."""

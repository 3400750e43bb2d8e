"""Offline only: figures and pictures of how well a model does."""

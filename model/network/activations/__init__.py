"""Activations: value and derivative of each."""

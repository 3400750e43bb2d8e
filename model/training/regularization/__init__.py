"""Penalties, gradient clipping, augmentation and early stopping."""

"""Regularization: penalties, gradient clipping, data augmentation and early stopping."""

__all__ = ["augmentation", "early_stopping", "gradients", "weights"]

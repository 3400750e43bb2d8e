"""Regularization: penalties, gradient clipping, data augmentation and early stopping."""

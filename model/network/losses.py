"""Losses, on logits: J is the mean over the batch, B its size."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from model.arrays import Array
from model.network.graph import Call
from model.network.nodes import sigmoid


class BinaryCrossEntropy:
    """J = mean of −y log σ(z) − (1 − y) log(1 − σ(z)).  ∂J/∂z = (σ(z) − y) / B."""

    name = "binary_cross_entropy"
    outputs = 1

    def value(self, z: Array, y: Array) -> Array:
        """J of shape (…) from logits and targets (…, 1, B), without overflow for any z."""
        losses = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
        return np.asarray(losses.mean(axis=(-2, -1)))

    def backward(self, z: Array, y: Array, gradient: Array) -> Iterator[Call]:
        """σ(z) − y = ½ (tanh(z/2) + 1 − 2y): stable, and cheaper than σ itself."""
        half = np.array(0.5, gradient.dtype)
        scale = np.array(0.5 / gradient.shape[-1], gradient.dtype)
        minus_two, one = np.array(-2, gradient.dtype), np.array(1, gradient.dtype)
        centred = np.empty_like(y)
        yield partial(np.multiply, z, half, gradient)
        yield partial(np.tanh, gradient, gradient)
        yield partial(np.multiply, y, minus_two, centred)
        yield partial(np.add, centred, one, centred)
        yield partial(np.add, gradient, centred, gradient)
        yield partial(np.multiply, gradient, scale, gradient)

    def predict(self, z: Array) -> Array:
        """The probability σ(z)."""
        return sigmoid(z)

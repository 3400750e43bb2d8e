"""Networks that never decrease, or never increase, in some of their inputs.

Each unit has a sign: +1 if it never decreases in the constrained inputs (taken with the sign of
their direction), −1 if it never increases, 0 if it does not depend on them. The weight from unit j
to unit k is free if j has the sign 0, is 0 if k has the sign 0 and j has not, and otherwise has the
sign of the product of both. All activations are non-decreasing, so the outputs, whose sign is +1,
are monotone whatever the sizes of the weights, as their signs certify. Half of the units are +1 and
half −1, so both growing and flattening curves can be learned.

Source: Sill 1997, "Monotonic networks"; Runje and Shankaranarayana 2023, "Constrained monotonic
neural networks", https://arxiv.org/abs/2205.11775 (units of both signs)
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.network.activations.activation import Activation
from model.network.layers import AlphaDropout, Dense, Dropout, GaussianNoise, Layer
from model.network.parameters import Layout

NON_DECREASING: Final = (
    "linear",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
)
_WITHOUT_WEIGHTS: Final = (Dropout, AlphaDropout, GaussianNoise)


class Bounds:
    """Lower and upper bounds of the parameters of a monotone network.

    Args:
        layers: The layers of the network: dense ones, dropout and noise.
        layout: The layout of θ.
        signs: The direction of each input: 1 for up, −1 for down, 0 for free; `(I,)`.

    Attributes:
        low: The lower bound of each parameter, 0 or −∞, `(P,)`.
        high: The upper bound of each parameter, 0 or ∞, `(P,)`.

    Raises:
        NetworkError: A layer or an activation is not known to be monotone.
    """

    def __init__(self, layers: Sequence[Layer], layout: Layout, signs: Sequence[int]) -> None:
        self.low, self.high = np.full((2, layout.size), [[-np.inf], [np.inf]])
        for layer in layers:
            _check(layer)
        dense = [layer for layer in layers if isinstance(layer, Dense)]
        before = np.array(signs)
        views = zip(layout.views(self.low), layout.views(self.high), strict=True)
        for number, (layer, (low, high)) in enumerate(zip(dense, views, strict=True)):
            is_output = number == len(dense) - 1
            # A unit without constrained inputs is of use only before another hidden layer.
            has_free = not before.all() and number < len(dense) - 2
            after = np.ones(layer.units, int) if is_output else _unit_signs(layer.units, has_free)
            product = np.outer(after, before)
            is_free = np.broadcast_to(before == 0, product.shape)
            low[:, :-1] = np.where(is_free | (product < 0), -np.inf, 0)
            high[:, :-1] = np.where(is_free | (product > 0), np.inf, 0)
            before = after

    def reflect(self, theta: Array) -> Array:
        """Return initial parameters of the same sizes, with the signs that the bounds allow.

        Args:
            theta: `(P,)` or `(K, P)`.
        """
        theta = np.where(self.low == 0, np.abs(theta), theta)
        theta = np.where(self.high == 0, -np.abs(theta), theta)
        return np.clip(theta, self.low, self.high).astype(theta.dtype)

    def project(self, theta: Array) -> None:
        """Set parameters beyond their bounds to 0, in place.

        Args:
            theta: `(P,)` or `(K, P)`.
        """
        np.clip(theta, self.low, self.high, out=theta)

    def hold(self, theta: Array) -> bool:
        """Return whether all parameters are within their bounds.

        Args:
            theta: `(P,)` or `(K, P)`.
        """
        return bool(((theta >= self.low) & (theta <= self.high)).all())


def _unit_signs(units: int, has_free: bool) -> Array:
    """Return the signs of a hidden layer's units in turns: +1, −1 and, if some are free, 0."""
    return np.resize([1, -1, 0] if has_free else [1, -1], units)


def _check(layer: Layer) -> None:
    if isinstance(layer, _WITHOUT_WEIGHTS):
        return
    if not isinstance(layer, Dense):
        raise NetworkError(f"monotone inputs need dense layers, not {layer.name}")
    activation = layer.activation
    if isinstance(activation, Activation) and activation.name not in NON_DECREASING:
        known = ", ".join(NON_DECREASING)
        raise NetworkError(
            f"monotone inputs need one of the activations {known}, not {activation.name}"
        )

"""Gradient clipping: calls that bound a gradient in place, made before those of the update."""

from functools import partial

import numpy as np

from model.arrays import Array
from model.network.graph import Call
from model.network.validation import require_number

EPSILON = 1e-6  # PyTorch's value; avoids a division by 0


def clip_by_value(gradient: Array, limit: float) -> list[Call]:
    """Compile clipping of each number to −limit … limit. NaN stays NaN.

    Equivalent to PyTorch's clip_grad_value_.

    Args:
        gradient: Any shape; clipped in place.
        limit: From 1e-9 to 1e9.

    Raises:
        NetworkError: If the limit is out of its range.
    """
    require_number("clip_by_value: limit", limit, 1e-9, 1e9)
    high, low = np.array(limit, gradient.dtype), np.array(-limit, gradient.dtype)
    return [
        partial(np.minimum, gradient, high, out=gradient),
        partial(np.maximum, gradient, low, out=gradient),
    ]


def clip_by_norm(gradient: Array, limit: float) -> list[Call]:
    """Compile clipping of the gradient's norm: g ← g · min(1, limit / (‖g‖ + 1e-6)).

    The norm is over all parameters; each member of an ensemble has its own. Equivalent to PyTorch's
    clip_grad_norm_, whose 1e-6 leaves the norm slightly below the limit. A norm that is not finite
    makes the gradient NaN, so the training detects the divergence.

    Source: Pascanu et al., "On the difficulty of training recurrent neural networks", 2013,
    algorithm 1, https://arxiv.org/abs/1211.5063

    Args:
        gradient: Shape (P,), or (K, P) for K members; clipped in place.
        limit: From 1e-9 to 1e9.

    Raises:
        NetworkError: If the limit is out of its range.
    """
    require_number("clip_by_norm: limit", limit, 1e-9, 1e9)
    factors = np.zeros(gradient.shape[:-1], gradient.dtype)
    epsilon, high, one = (np.array(value, gradient.dtype) for value in (EPSILON, limit, 1))
    rows = gradient.reshape(-1, gradient.shape[-1]) if gradient.ndim > 1 else gradient[None]
    row_factors = factors.reshape(-1)
    return [
        partial(np.vecdot, gradient, gradient, out=factors),
        partial(np.sqrt, factors, factors),
        partial(np.add, factors, epsilon, factors),
        partial(np.divide, high, factors, factors),
        partial(np.minimum, factors, one, out=factors),
        *(partial(np.multiply, row, row_factors[k, ...], row) for k, row in enumerate(rows)),
    ]

"""Gradient clipping: calls that bound a gradient in place, to be made before the update's."""

from functools import partial

import numpy as np

from model.arrays import Array
from model.network.graph import Call
from model.network.validation import require_number

EPSILON = 1e-6  # PyTorch's: no division by 0


def clip_by_value(gradient: Array, limit: float) -> list[Call]:
    """Each number into −limit … limit. PyTorch's clip_grad_value_; NaN stays.

    Raises NetworkError for a limit not above 0.
    """
    require_number("clip_by_value: limit", limit, 1e-9, 1e9)
    high, low = np.array(limit, gradient.dtype), np.array(-limit, gradient.dtype)
    return [
        partial(np.minimum, gradient, high, out=gradient),
        partial(np.maximum, gradient, low, out=gradient),
    ]


def clip_by_norm(gradient: Array, limit: float) -> list[Call]:
    """G ← g · min(1, limit / (‖g‖ + 1e-6)), over all parameters; for (K, P) of each member.

    Pascanu et al. 2013, algorithm 1; PyTorch's clip_grad_norm_, whose 1e-6 leaves the norm a little
    below the limit. A norm that is no number makes the gradient none. Raises NetworkError for a
    limit not above 0.
    """
    require_number("clip_by_norm: limit", limit, 1e-9, 1e9)
    factors = np.zeros(gradient.shape[:-1], gradient.dtype)
    epsilon, high, one = (np.array(value, gradient.dtype) for value in (EPSILON, limit, 1))
    rows = gradient.reshape(-1, gradient.shape[-1]) if gradient.ndim > 1 else gradient[None]
    each = factors.reshape(-1)
    return [
        partial(np.vecdot, gradient, gradient, out=factors),
        partial(np.sqrt, factors, factors),
        partial(np.add, factors, epsilon, factors),
        partial(np.divide, high, factors, factors),
        partial(np.minimum, factors, one, out=factors),
        *(partial(np.multiply, row, each[k, ...], row) for k, row in enumerate(rows)),
    ]

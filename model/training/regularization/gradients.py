"""Penalties and clipping: calls that change a gradient before the update.

Penalties are terms of the objective, so they reach the step through the gradient. Decoupled weight
decay belongs to the optimizers AdamW and Lion.
"""

from functools import partial

import numpy as np

from model.arrays import Array, aligned
from model.network.graph import Call

EPSILON = 1e-6  # PyTorch's value for clip_by_norm; avoids a division by 0


def penalize(theta: Array, gradient: Array, mask: Array, l1: float, l2: float) -> list[Call]:
    """Compile the gradient of the penalty l1 · Σ|w| + ½ · l2 · Σw² over weights.

    The gradient l1 · sign(w) + l2 · w is added to `gradient`. Biases and gains are not penalized.
    With the factor ½, l2 equals PyTorch's weight_decay. Keras's L2 has no ½; scikit-learn divides
    alpha by the number of rows.

    Source: Tikhonov 1943 (L2); Tibshirani, "Regression shrinkage and selection via the lasso",
    1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x (L1)

    Args:
        theta: Parameters, shape (P,) or (K, P); read at every call.
        gradient: Gradient, shape of θ; changed in place.
        mask: Shape (P,): 1 for weights, 0 for biases and gains; see `Layout.weights_mask`.
        l1: Strength of the L1 penalty, at least 0.
        l2: Strength of the L2 penalty, at least 0.

    Returns:
        The calls, none for strengths of 0.
    """
    calls: list[Call] = []
    scratch = aligned(theta.shape, theta.dtype)
    for strength, derivative in (
        (l2, partial(np.copyto, scratch, theta)),
        (l1, partial(np.sign, theta, scratch)),
    ):
        if strength:
            factors = np.multiply(np.broadcast_to(mask, theta.shape), strength)
            factors = np.ascontiguousarray(factors, theta.dtype)
            calls += [
                derivative,
                partial(np.multiply, scratch, factors, scratch),
                partial(np.add, gradient, scratch, gradient),
            ]
    return calls


def clip_by_value(gradient: Array, limit: float) -> list[Call]:
    """Compile clipping of each number to −limit … limit. NaN stays NaN.

    Equivalent to PyTorch's clip_grad_value_.

    Args:
        gradient: Any shape; clipped in place.
        limit: From 1e-9 to 1e9.
    """
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
    """
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

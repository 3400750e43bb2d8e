"""L1 and L2 penalties, max-norm constraints, and the moving average of the weights.

All are calls over θ, shape (P,) or (K, P), and its gradient, compiled once. Penalties are terms of
the objective, so they reach the step through the gradient. Decoupled weight decay belongs to the
optimizers AdamW and Lion.
"""

from functools import partial

import numpy as np

from model.arrays import Array, aligned
from model.network.graph import Call
from model.network.parameters import Layout


def penalize(theta: Array, gradient: Array, layout: Layout, l1: float, l2: float) -> list[Call]:
    """Compile the gradient of the penalty l1 · Σ|w| + ½ · l2 · Σw² over weights.

    The gradient l1 · sign(w) + l2 · w is added to `gradient`. Biases and gains are not penalized.
    With the factor ½, l2 equals PyTorch's weight_decay. Keras's L2 has no ½; scikit-learn divides
    alpha by the number of rows.

    Source: Tikhonov 1943 (L2); Tibshirani, "Regression shrinkage and selection via the lasso",
    1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x (L1)

    Args:
        theta: Parameters, shape (P,) or (K, P); read at every call.
        gradient: Gradient, shape of θ; changed in place.
        layout: Layout of the parameters; distinguishes weights from biases and gains.
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
            factors = np.multiply(np.broadcast_to(layout.weights_mask(), theta.shape), strength)
            factors = np.ascontiguousarray(factors, theta.dtype)
            calls += [
                derivative,
                partial(np.multiply, scratch, factors, scratch),
                partial(np.add, gradient, scratch, gradient),
            ]
    return calls


def bound_norms(theta: Array, layout: Layout, limit: float) -> list[Call]:
    """Compile the max-norm constraint: scale each unit's incoming weights to a norm of `limit`.

    A unit's incoming weights are a row of W without the bias. Weights within the limit stay as they
    are. The calls are made after the update.

    Source: Srebro et al. 2005; Srivastava et al., "Dropout", 2014, section 5.1,
    https://jmlr.org/papers/v15/srivastava14a.html

    Args:
        theta: Parameters, shape (P,) or (K, P); changed in place.
        layout: Layout of the parameters.
        limit: Largest norm, above 0.
    """
    calls: list[Call] = []
    for block, view in zip(layout.blocks, layout.views(theta), strict=True):
        if block.penalized:
            # One member at a time: NumPy would copy all of them together.
            for member in view.reshape(-1, *block.shape):
                weights = member[:, :-1]
                scratch = (
                    np.empty(len(weights), theta.dtype),
                    np.empty(weights.shape, theta.dtype),
                )
                calls.append(partial(_bound_rows, weights, np.array(limit, theta.dtype), *scratch))
    return calls


def _bound_rows(weights: Array, limit: Array, factors: Array, spread: Array) -> None:
    """Bound the norm of each row of weights (O, I); factors (O,) and spread (O, I) are scratch."""
    np.vecdot(weights, weights, out=factors)
    np.sqrt(factors, factors)
    if not np.isfinite(factors).all():  # squares overflow long before a norm does
        np.hypot.reduce(weights, axis=-1, out=factors)
    np.divide(limit, factors, factors)
    np.minimum(factors, 1, out=factors)
    np.copyto(spread, factors[:, None])  # NumPy would broadcast into memory that it allocates
    np.multiply(weights, spread, weights)


class Average:
    """Exponential moving average of the weights: θ̄ ← d θ̄ + (1 − d) θ after each update.

    The first call copies θ. Equivalent to PyTorch's AveragedModel with get_ema_multi_avg_fn(d).

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992,
    https://doi.org/10.1137/0330046

    Args:
        theta: Parameters, shape (P,) or (K, P); read at every call.
        decay: d, from 0 to below 1.

    Attributes:
        theta: The average θ̄, shape of θ.
        updates: Calls so far, int64 of shape ().
    """

    def __init__(self, theta: Array, decay: float) -> None:
        self.theta = theta.copy()
        self.updates = np.array(0, np.int64)
        self._current, self._scratch = theta, aligned(theta.shape, theta.dtype)
        self._share = np.array(1 - decay, theta.dtype)

    def __call__(self) -> None:
        """Update the average with the current θ."""
        if self.updates == 0:
            np.copyto(self.theta, self._current)
        else:
            np.subtract(self._current, self.theta, self._scratch)
            np.multiply(self._scratch, self._share, self._scratch)
            np.add(self.theta, self._scratch, self.theta)
        np.add(self.updates, 1, out=self.updates)

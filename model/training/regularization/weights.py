"""Max-norm constraints and the moving average of the weights: calls after the update."""

from functools import partial

import numpy as np

from model.arrays import Array, aligned
from model.network.graph import Call
from model.network.parameters import Layout


def bound_norms(theta: Array, layout: Layout, limit: float) -> list[Call]:
    """Compile the max-norm constraint: scale each unit's incoming weights to a norm of `limit`.

    A unit's incoming weights are a row of W without the bias. Weights within the limit stay as they
    are.

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

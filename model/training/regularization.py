"""What keeps weights small or steady: penalties, bounds, and their average over time.

All are calls over θ (P,) or (K, P) and its gradient, made once. Penalties are terms of J, so they
reach the step through the gradient; decoupled weight decay is the optimizer's (AdamW, Lion).
"""

from functools import partial

import numpy as np

from model.arrays import Array, aligned
from model.network.graph import Call
from model.network.parameters import Layout


def penalize(theta: Array, gradient: Array, layout: Layout, l1: float, l2: float) -> list[Call]:
    """Add to the gradient that of l1 · Σ|w| + ½ · l2 · Σw², over weights, not biases or gains.

    Tikhonov 1943, Tibshirani 1996. With ½, l2 is PyTorch's weight_decay; Keras's L2 has no ½, and
    scikit-learn's alpha is divided by the number of rows.
    """
    calls: list[Call] = []
    scratch = aligned(theta.shape, theta.dtype)
    for strength, values in (
        (l2, partial(np.copyto, scratch, theta)),
        (l1, partial(np.sign, theta, scratch)),
    ):
        if strength:
            share = np.multiply(np.broadcast_to(layout.weights_mask(), theta.shape), strength)
            share = np.ascontiguousarray(share, theta.dtype)
            calls += [
                values,
                partial(np.multiply, scratch, share, scratch),
                partial(np.add, gradient, scratch, gradient),
            ]
    return calls


def bound_norms(theta: Array, layout: Layout, limit: float) -> list[Call]:
    """Scale each unit's incoming weights (a row of W, bias apart) down to a norm of `limit`.

    To be made after the update (Srebro et al. 2005; Srivastava et al. 2014, §5.1).
    """
    calls: list[Call] = []
    highest, one = np.array(limit, theta.dtype), np.array(1, theta.dtype)
    for block, view in zip(layout.blocks, layout.views(theta), strict=True):
        if block.penalized:
            weights = view[..., :-1]
            norms = np.empty(weights.shape[:-1], theta.dtype)
            calls += [
                partial(np.vecdot, weights, weights, out=norms),
                partial(np.sqrt, norms, norms),
                partial(np.divide, highest, norms, norms),
                partial(np.minimum, norms, one, out=norms),
                partial(np.multiply, weights, norms[..., None], weights),
            ]
    return calls


class Average:
    """θ̄ ← d θ̄ + (1 − d) θ after each update; the first copies θ (Polyak and Juditsky 1992).

    PyTorch's AveragedModel with get_ema_multi_avg_fn(d).
    """

    def __init__(self, theta: Array, decay: float) -> None:
        self.theta = theta.copy()
        self.updates = np.array(0, np.int64)
        self._of, self._scratch = theta, aligned(theta.shape, theta.dtype)
        self._share = np.array(1 - decay, theta.dtype)

    def __call__(self) -> None:
        """Take in θ as it is now."""
        if self.updates == 0:
            np.copyto(self.theta, self._of)
        else:
            np.subtract(self._of, self.theta, self._scratch)
            np.multiply(self._scratch, self._share, self._scratch)
            np.add(self.theta, self._scratch, self.theta)
        np.add(self.updates, 1, out=self.updates)

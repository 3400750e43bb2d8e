"""Sampled Shapley values, of models with too many features for all coalitions.

In a random order of the features, each feature changes the row from the reference row's value to
the explained one's; the mean change over orders is its Shapley value. Each order is used forwards
and backwards, which halves the number of orders needed or better, and the reference rows take
turns. The values of all features are then shifted, in proportion to their variance, so that their
sum is exact.

Source: Mitchell et al. 2022, "Sampling permutations for Shapley value estimation", §3 (antithetic
permutations), https://arxiv.org/abs/2104.12199
"""

import time
from typing import Final

import numpy as np

from model.arrays import Array
from model.explanation.explained import Explained
from model.explanation.parts import Parts, part_rows
from model.explanation.reference import Reference
from model.explanation.shapley import (
    MAX_PLAYERS,
    ShapleyValues,
    exact_shapley_values,
    on_scales,
    players_of,
    scales_of,
)

STANDARD_ERROR: Final = 0.005  # of probabilities, or of a number's share of the targets' spread
SECONDS: Final = 0.2
MIN_ORDERS: Final = 2
MAX_ORDERS: Final = 10_000


def shapley_values(
    model: Explained,
    inputs: Array,
    reference: Reference,
    *,
    seconds: float = SECONDS,
    max_orders: int = MAX_ORDERS,
    seed: int = 0,
) -> Parts[ShapleyValues]:
    """Compute Shapley values: exact ones if few features differ, else sampled ones.

    Args:
        model: The model.
        inputs: The inputs of the explained row, `(1, I)`.
        reference: The reference rows.
        seconds: Limit of the CPU time of sampling; at least 2 orders are used.
        max_orders: Limit of the number of orders, at least 2.
        seed: Seed of the orders.

    Returns:
        The values.
    """
    if players_of(model, inputs, reference).sum(axis=1).max() <= MAX_PLAYERS:
        return (yield from exact_shapley_values(model, inputs, reference))
    return (yield from sampled_shapley_values(model, inputs, reference, seconds, seed, max_orders))


def sampled_shapley_values(
    model: Explained,
    inputs: Array,
    reference: Reference,
    seconds: float,
    seed: int,
    max_orders: int = MAX_ORDERS,
) -> Parts[ShapleyValues]:
    """Estimate Shapley values, until the largest standard error is small or the time is spent.

    Args:
        model: The model.
        inputs: The inputs of the explained row, `(1, I)`.
        reference: The reference rows, R of them.
        seconds: Limit of the CPU time; at least 2 orders are used.
        seed: Seed of the orders.
        max_orders: Limit of their number, at least 2; each is used forwards and backwards.

    Returns:
        The values, with their standard error.
    """
    generator = np.random.default_rng(seed)
    rows, differs = reference.inputs, players_of(model, inputs, reference)
    turns, scales = generator.permutation(len(rows)), scales_of(model)
    started = time.thread_time()
    base = on_scales(model, model.predict_inputs(rows)).mean(axis=0)
    end = on_scales(model, model.predict_inputs(inputs))[0]
    limit = np.array([STANDARD_ERROR * model.unit, np.inf][: len(scales)])
    sums = _Sums(len(rows), (differs.shape[1], *base.shape))
    spent = time.thread_time() - started
    while True:
        yield
        started = time.thread_time()
        used: list[int] = []
        orders: list[Array] = []
        left = min(len(turns), max_orders - sums.orders)
        while sum(len(order) for order in orders) < part_rows(model) and len(used) < left:
            turn = int(turns[(sums.orders + len(used)) % len(turns)])
            used.append(turn)
            order = generator.permutation(np.flatnonzero(differs[turn]))
            orders += [order, order[::-1]]
        turn_of_path = np.repeat(used, 2)
        paths = [
            _path(model, inputs, rows[turn], order)
            for turn, order in zip(turn_of_path, orders, strict=True)
        ]
        predictions = on_scales(model, model.predict_inputs(np.concatenate(paths)))
        ends = np.cumsum([len(path) for path in paths])[:-1]
        steps = [np.diff(part, axis=0) / 2 for part in np.split(predictions, ends)]
        for turn, order, forwards, backwards in zip(
            used, orders[::2], steps[::2], steps[1::2], strict=True
        ):
            sums.add(turn, order, forwards + backwards[::-1])
        variance = sums.variance()
        error = np.sqrt(variance.max(axis=(0, 2)))
        spent += time.thread_time() - started
        is_enough = spent > seconds or (error <= limit).all()
        if sums.orders >= max_orders or (sums.orders >= MIN_ORDERS and is_enough):
            break
    values = sums.mean()
    weights = np.where(variance.any(axis=0), variance, 1.0)
    values += (end - base - values.sum(axis=0)) * weights / weights.sum(axis=0)
    return ShapleyValues(scales, base, values.swapaxes(0, 1), error, 2 * sums.orders)


class _Sums:
    """Sums of effects, and of their squares, by reference row.

    Args:
        rows: R, the number of reference rows.
        shape: Shape of the effects, `(F, scales, outputs)`.

    Attributes:
        orders: Number of orders, each used forwards and backwards.
    """

    def __init__(self, rows: int, shape: tuple[int, ...]) -> None:
        self.orders = 0
        self._counts = np.zeros((rows, *(1 for _ in shape)))
        self._total, self._squares = np.zeros((2, rows, *shape))

    def add(self, row: int, features: Array, effects: Array) -> None:
        """Add the effects `(m, scales, outputs)` of some features in one order."""
        self.orders += 1
        self._counts[row] += 1
        self._total[row, features] += effects
        self._squares[row, features] += effects**2

    def mean(self) -> Array:
        """Return the mean effects: of each reference row alike, if all had turns."""
        if self._counts.all():
            return np.asarray((self._total / self._counts).mean(axis=0))
        return np.asarray(self._total.sum(axis=0) / self.orders)

    def variance(self) -> Array:
        """Return the variance of the means.

        It is that within the reference rows once each had two turns, else that of all orders.
        """
        if (self._counts >= 2).all():
            within = (self._squares - self._total**2 / self._counts) / (self._counts - 1)
            variance = (within / self._counts).sum(axis=0) / len(self._counts) ** 2
        else:
            total, squares = self._total.sum(axis=0), self._squares.sum(axis=0)
            variance = (squares - total**2 / self.orders) / max(self.orders - 1, 1) / self.orders
        return np.asarray(np.maximum(variance, 0))


def _path(model: Explained, inputs: Array, row: Array, order: Array) -> Array:
    """Return the rows from a reference row to the explained one, one more feature each.

    Args:
        model: The model.
        inputs: The inputs of the explained row, `(1, I)`.
        row: Those of the reference row, `(I,)`.
        order: The features that differ, m of them, in the order of their change.

    Returns:
        Inputs, `(m + 1, I)`.
    """
    source = model.feature_of_input
    features = source[-1] + 1
    place = np.full(features, len(order))  # a feature with the same inputs never changes
    place[order] = np.arange(len(order))
    has_changed = place[source] < np.arange(len(order) + 1)[:, np.newaxis]
    return np.where(has_changed, inputs, row)

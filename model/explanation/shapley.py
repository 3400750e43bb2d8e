"""Shapley values: how much each feature moves a prediction away from that of reference rows.

A coalition S of features has the value v(S): the mean prediction of the reference rows, in which
the features of S have the values of the explained row ("interventional"). The Shapley value of a
feature is its mean effect on v over all orders in which features are added. The values of all
features sum to the prediction of the row minus the mean prediction of the reference rows.

A feature is one player, however many inputs it has. A reference row whose value of a feature gives
the same inputs makes this feature a dummy, so the coalitions of a reference row are the 2ᵐ of the
m other features, and equal rows are predicted once.

Source: Lundberg and Lee 2017, "A unified approach to interpreting model predictions",
https://arxiv.org/abs/1705.07874; Štrumbelj and Kononenko 2014 (sampling)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import Final

import numpy as np

from model.arrays import Array
from model.explanation.explained import Explained
from model.explanation.parts import Parts, part_rows
from model.explanation.reference import Reference
from model.prediction.calibration import CLIP

MAX_PLAYERS: Final = 12  # of an exact value: 4096 coalitions for each reference row
MAX_CODE: Final = 2**62


@dataclass(frozen=True)
class ShapleyValues:
    """Shapley values of one row.

    Attributes:
        scales: "probability" and "logit" of classes and labels; "value" of numbers.
        reference: Mean of the reference rows' predictions, `(scales, outputs)`.
        values: Shapley values, `(scales, F, outputs)`.
        standard_error: The largest standard error of a value, `(scales,)`; None for exact values.
        permutations: Number of sampled orders; 0 for exact values.
    """

    scales: tuple[str, ...]
    reference: Array
    values: Array
    standard_error: Array | None = None
    permutations: int = 0


def features_of(model: Explained) -> int:
    """Return the number of features of a model."""
    return int(model.feature_of_input[-1]) + 1


def scales_of(model: Explained) -> tuple[str, ...]:
    """Return the scales of a model's Shapley values."""
    is_number = not model.has_probabilities
    return ("value",) if is_number else ("probability", "logit")


def on_scales(model: Explained, predictions: Array) -> Array:
    """Return predictions `(B, outputs)` on each scale, `(B, scales, outputs)`.

    A probability nearer to 0 or 1 than 1e-12 has the logit of this distance.

    Args:
        model: The model.
        predictions: Its predictions.
    """
    if len(scales_of(model)) == 1:
        return predictions[:, np.newaxis]
    p = np.clip(predictions, CLIP, 1 - CLIP)
    return np.stack([predictions, np.log(p / (1 - p))], axis=1)


def work_bytes(model: Explained, reference: Reference) -> int:
    """Return an upper limit of the memory that the values of one row take, in bytes.

    Args:
        model: The model.
        reference: The reference rows.
    """
    rows, features = len(reference.inputs), features_of(model)
    results = len(scales_of(model)) * model.outputs
    coalitions = rows << min(features, MAX_PLAYERS)
    sums = 3 * rows * features * results if features > MAX_PLAYERS else 0
    composites = 4 * (part_rows(model) + features) * len(model.feature_of_input)
    return 8 * (coalitions * (6 + results) + sums + composites)


def players_of(model: Explained, inputs: Array, reference: Reference) -> Array:
    """Return the features whose inputs differ from those of a reference row.

    Args:
        model: The model.
        inputs: The inputs of the explained row, `(1, I)`.
        reference: The reference rows, R of them.

    Returns:
        Mask `(R, F)`.
    """
    source = model.feature_of_input
    starts = np.flatnonzero(np.diff(source, prepend=-1))  # the inputs of a feature are neighbours
    return np.logical_or.reduceat(reference.inputs != inputs, starts, axis=1)


def exact_shapley_values(
    model: Explained, inputs: Array, reference: Reference
) -> Parts[ShapleyValues]:
    """Compute Shapley values from all coalitions.

    Args:
        model: The model.
        inputs: The inputs of the explained row, `(1, I)`.
        reference: The reference rows; each differs in at most `MAX_PLAYERS` features.

    Returns:
        The values.
    """
    differs = players_of(model, inputs, reference)
    unique, weights = _distinct(reference.inputs)
    differs = differs[unique]
    players = [np.flatnonzero(row) for row in differs]
    sizes = [1 << len(each) for each in players]
    codes = _codes(players, model, inputs, reference.inputs[unique])
    number = np.repeat(np.arange(len(unique)), sizes)
    coalition = np.concatenate([np.arange(size) for size in sizes])
    first, place = np.arange(len(number)), np.arange(len(number))
    if codes is not None:
        _, first, place = np.unique(codes, return_index=True, return_inverse=True)
    source = model.feature_of_input
    found = np.empty((len(first), len(scales_of(model)), model.outputs))
    size = part_rows(model)
    yield
    for start in range(0, len(first), size):
        chosen = first[start : start + size]
        rows = reference.inputs[unique[number[chosen]]]
        has = _members(players, len(differs[0]), number[chosen], coalition[chosen])[:, source]
        composite = np.where(has, inputs, rows)
        found[start : start + size] = on_scales(model, model.predict_inputs(composite))
        yield
    shape = found.shape[1:]
    values = np.zeros((features_of(model), *shape))
    base, end = np.zeros(shape), 0
    for features, weight in zip(players, weights, strict=True):
        begin, end = end, end + (1 << len(features))
        v = found[place[begin:end]]
        base += weight * v[0]
        if len(features):
            effects = np.tensordot(_effect_weights(len(features)), v, 1)
            values[features] += weight * effects
    return ShapleyValues(scales_of(model), base, values.swapaxes(0, 1))


def _distinct(rows: Array) -> tuple[Array, Array]:
    """Return the index of each different row `(U,)`, and its share of all rows `(U,)`."""
    _, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
    return first, counts / len(rows)


def _codes(players: Iterable[Array], model: Explained, inputs: Array, rows: Array) -> Array | None:
    """Return a number of each reference row and coalition, equal for equal composite rows.

    The digits of the number are the values of the features, 0 for that of the explained row.

    Args:
        players: The players of each reference row.
        model: The model.
        inputs: The inputs of the explained row, `(1, I)`.
        rows: Those of the reference rows, `(U, I)`.

    Returns:
        The numbers, by reference row and coalition; None if they would be too large.
    """
    source = model.feature_of_input
    digits = np.empty((len(rows), source[-1] + 1), dtype=np.int64)
    bases = np.empty(source[-1] + 1)
    for feature in range(len(bases)):
        columns = np.concatenate([inputs, rows])[:, source == feature]
        _, place = np.unique(columns, axis=0, return_inverse=True)
        place = place.reshape(-1)
        digits[:, feature] = np.where(place[1:] == place[0], 0, place[1:] + 1)
        bases[feature] = place.max() + 2
    units = np.cumprod(np.concatenate([[1.0], bases]))
    if units[-1] > MAX_CODE:
        return None
    digits *= units[:-1].astype(np.int64)
    codes = []
    for row, features in zip(digits, players, strict=True):
        code = np.array([row.sum()])
        for feature in features:
            code = np.concatenate([code, code - row[feature]])
        codes.append(code)
    return np.concatenate(codes)


def _members(players: list[Array], features: int, number: Array, coalition: Array) -> Array:
    """Return the features of coalitions, as a mask `(B, F)`.

    Args:
        players: The players of each reference row.
        features: F.
        number: Number of the reference row of each coalition, `(B,)`.
        coalition: Coalition, whose bits are the players, `(B,)`.
    """
    bits = np.full((len(players), features), 63)
    for row, each in zip(bits, players, strict=True):
        row[each] = np.arange(len(each))
    # A feature that is no player has the same inputs in both rows: bit 63 is 0.
    return np.asarray((coalition[:, np.newaxis] >> bits[number] & 1).astype(bool))


@lru_cache(MAX_PLAYERS)
def _effect_weights(players: int) -> Array:
    """Return the weight of each coalition's value in each of m players' values, `(m, 2ᵐ)`."""
    coalitions = np.arange(1 << players)
    bits = (coalitions >> np.arange(players)[:, np.newaxis] & 1).astype(bool)
    sizes = bits.sum(axis=0)
    orders = np.array(
        [factorial(s) * factorial(players - s - 1) / factorial(players) for s in range(players)]
    )
    with_player, without = orders[np.maximum(sizes - 1, 0)], orders[np.minimum(sizes, players - 1)]
    return np.asarray(np.where(bits, with_player, -without))

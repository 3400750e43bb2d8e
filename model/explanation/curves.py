"""Predictions along each feature: of one row, and averaged over the training rows.

Source: Friedman 2001, "Greedy function approximation", §8.2 (partial dependence); Goldstein et al.
2015 (individual conditional expectation)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from model.arrays import Array
from model.explanation.grids import grids_of
from model.explanation.parts import Parts, part_rows
from model.prediction.predictor import Predictor
from model.prediction.training_sample import REFERENCE_ROWS

BAND: Final = (0.05, 0.95)
MAX_PRODUCTS: Final = 2**33  # of predictions and parameters, for all partial dependences: about 1 s
MIN_ROWS: Final = 10


@dataclass(frozen=True)
class Curve:
    """Predictions along one feature, the others held.

    Attributes:
        values: Raw values of the feature, in ascending order, G of them.
        predictions: Predictions, `(G, outputs)`.
    """

    values: Array
    predictions: Array


@dataclass(frozen=True)
class PartialDependence:
    """Predictions of rows along one feature.

    Attributes:
        values: Raw values of the feature, in ascending order, G of them.
        mean: Mean of the rows' predictions, `(G, outputs)`.
        low: Their 5 % quantile, `(G, outputs)`.
        high: Their 95 % quantile, `(G, outputs)`.
        rows: Number of rows.
    """

    values: Array
    mean: Array
    low: Array
    high: Array
    rows: int


def curves_of(
    predictor: Predictor, row: Array, features: Sequence[int] | None = None
) -> Parts[list[Curve]]:
    """Predict a row with other values of each feature.

    Args:
        predictor: The model.
        row: The raw row, `(F,)`; its values are among those of the curves.
        features: Numbers of the features; None for all.

    Returns:
        A curve for each feature.
    """
    grids = {
        place: grid if np.isnan(row[place]) else np.union1d(grid, row[[place]])
        for place, grid in _chosen(predictor, features).items()
    }
    found = yield from _predict_along(predictor, row[np.newaxis], grids)
    return [Curve(grid, p[0]) for grid, p in zip(grids.values(), found, strict=True)]


def partial_dependences(
    predictor: Predictor, features: Sequence[int] | None = None
) -> Parts[list[PartialDependence]]:
    """Predict the training rows that the model keeps with other values of each feature.

    Models of many features use fewer of the rows.

    Args:
        predictor: The model.
        features: Numbers of the features; None for all.

    Returns:
        A partial dependence for each feature; none if the model keeps no rows.
    """
    if predictor.sample is None:
        return []
    grids = _chosen(predictor, features)
    limit = MAX_PRODUCTS // (predictor.theta.size * sum(map(len, grids.values())))
    rows = predictor.sample.rows[: min(REFERENCE_ROWS, max(MIN_ROWS, limit))]
    found = yield from _predict_along(predictor, rows, grids)
    dependences = []
    for grid, predictions in zip(grids.values(), found, strict=True):
        low, high = np.quantile(predictions, BAND, axis=0)
        mean = predictions.mean(axis=0)
        dependences.append(PartialDependence(grid, mean, low, high, len(rows)))
    return dependences


def _chosen(predictor: Predictor, features: Sequence[int] | None) -> dict[int, Array]:
    """Return the values to try by feature."""
    grids = grids_of(predictor)
    return {place: grids[place] for place in (range(len(grids)) if features is None else features)}


def _predict_along(
    predictor: Predictor, rows: Array, grids: Mapping[int, Array]
) -> Parts[list[Array]]:
    """Predict rows `(R, F)` with each value of each grid.

    Returns:
        For each feature, predictions `(R, G, outputs)`.
    """
    size, found = part_rows(predictor), []
    for feature, grid in grids.items():
        changed = np.repeat(rows, len(grid), axis=0)
        changed[:, feature] = np.tile(grid, len(rows))
        chunks = []
        for start in range(0, len(changed), size):
            chunks.append(predictor.predict(changed[start : start + size]))
            yield
        found.append(np.concatenate(chunks).reshape(len(rows), len(grid), -1))
    return found

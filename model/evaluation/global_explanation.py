"""What a model does on the whole: mean Shapley values, interactions, and directions of effects.

All of it is computed from the training rows that an artifact keeps, with a fixed amount of work, so
equal models give equal figures.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from model.arrays import Array
from model.evaluation.intervals import grouped_bootstrap
from model.explanation.curves import PartialDependence, curves_of, partial_dependences
from model.explanation.parts import finish
from model.explanation.reference import Reference
from model.explanation.sampling import shapley_values
from model.prediction.predictor import Predictor

MAX_FEATURES: Final = 64  # more would take too long
ROWS, MIN_ROWS = 100, 20  # with explanations
PRODUCTS: Final = 2**32  # of predictions and parameters, for Shapley values: half a second
SHOWN: Final = 12  # features whose course is shown, those with the largest values
REFERENCES: Final = 25
ORDERS: Final = 4  # of a sampled value; the mean over rows is more precise than each
PAIRED: Final = 5  # features whose interactions are measured
PAIR_ROWS: Final = 30
VIOLATION: Final = 0.01  # of a probability, or of the spread of a number


@dataclass(frozen=True)
class GlobalExplanation:
    """What a model does on the whole.

    Attributes:
        values: Shapley values of the rows on the scale of predictions, `(B, F, outputs)`.
        rows: These raw rows, `(B, F)`.
        references: Number of reference rows.
        sizes: Mean absolute Shapley value of each feature, over outputs too, `(F,)`.
        intervals: Their 95 % intervals, `(2, F)`; None where there are too few rows.
        order: The features with the largest values, the largest first; at most 12.
        dependences: Partial dependence of these features, in this order.
        interactions: Pairs of features and the share of the variance of their joint partial
            dependence that is not the sum of both, the largest first.
        directions: 1 or −1, the sign of its effect on the mean, of each of these features that is a
            number or boolean; of one output.
        violations: Share of the rows whose prediction moves against this sign by more than
            0.01 anywhere along the feature.
    """

    values: Array
    rows: Array
    references: int
    sizes: Array
    intervals: tuple[Array, Array] | None
    order: list[int]
    dependences: list[PartialDependence]
    interactions: list[tuple[int, int, float]]
    directions: dict[int, int]
    violations: dict[int, float]


def global_explanation(predictor: Predictor) -> GlobalExplanation | None:
    """Explain a model by the training rows that it keeps.

    Args:
        predictor: The model.

    Returns:
        The explanation; None for a model that keeps fewer than two rows, or has more than 64
        features.
    """
    sample, features = predictor.sample, len(predictor.schema.features)
    if sample is None or len(sample.rows) < 2 or features > MAX_FEATURES:
        return None
    affordable = PRODUCTS // (2 * ORDERS * features * predictor.theta.size)
    rows = sample.rows[-min(ROWS, max(MIN_ROWS, affordable)) :]
    reference = Reference("training", predictor.encode(sample.rows[:REFERENCES]))
    found = [
        finish(
            shapley_values(
                predictor,
                predictor.encode(row[np.newaxis]),
                reference,
                seconds=math.inf,
                max_orders=ORDERS,
            )
        )
        for row in rows
    ]
    values = np.stack([each.values[0] for each in found])
    sizes = np.abs(values).mean(axis=2)

    def mean(rows: Array, _: Array) -> dict[str, Array]:
        return {"size": rows.mean(axis=0)}

    ends = grouped_bootstrap(mean, sizes, sizes, np.arange(len(rows)))["size"]
    order: list[int] = np.argsort(-sizes.mean(axis=0), kind="stable")[:SHOWN].tolist()
    dependences = finish(partial_dependences(predictor, order))
    directions, violations = _directions(predictor, rows, order, dependences)
    return GlobalExplanation(
        values,
        rows,
        len(reference.inputs),
        sizes.mean(axis=0),
        None if ends is None else (np.asarray(ends[0]), np.asarray(ends[1])),
        order,
        dependences,
        _interactions(predictor, sample.rows[:PAIR_ROWS], order[:PAIRED]),
        directions,
        violations,
    )


def _interactions(
    predictor: Predictor, rows: Array, features: list[int]
) -> list[tuple[int, int, float]]:
    """Return Friedman's H² of each pair of features.

    Source: Friedman and Popescu 2008, "Predictive learning via rule ensembles", §8.1
    """

    def dependence(*chosen: int) -> Array:
        """Return the centred partial dependence at the rows' own values, `(R, outputs)`."""
        changed = np.repeat(rows[np.newaxis], len(rows), axis=0)
        changed[:, :, chosen] = rows[:, np.newaxis, chosen]
        flat = changed.reshape(-1, rows.shape[1])
        mean = predictor.predict(flat).reshape(len(rows), len(rows), -1).mean(axis=1)
        return np.asarray(mean - mean.mean(axis=0))

    alone = {feature: dependence(feature) for feature in features}
    found = []
    for one, other in itertools.combinations(features, 2):
        both = dependence(one, other)
        rest = both - alone[one] - alone[other]
        total = float((both**2).sum())
        found.append((one, other, float((rest**2).sum()) / total if total else 0.0))
    return sorted(found, key=lambda each: -each[2])


def _directions(
    predictor: Predictor, rows: Array, order: list[int], dependences: list[PartialDependence]
) -> tuple[dict[int, int], dict[int, float]]:
    """Return the direction of each ordered feature, and the share of rows that violate it."""
    features, scale = predictor.schema.features, predictor.target_scale
    if predictor.network.outputs != 1:
        return {}, {}
    limit = VIOLATION * (1.0 if scale is None else float(scale.spread[0]))
    directions = {
        place: 1 if each.mean[-1, 0] >= each.mean[0, 0] else -1
        for place, each in zip(order, dependences, strict=True)
        if features[place].type != "category"
    }
    against = dict.fromkeys(directions, 0)
    for row in rows:
        curves = finish(curves_of(predictor, row, [*directions]))
        for (place, direction), curve in zip(directions.items(), curves, strict=True):
            course = direction * curve.predictions[:, 0]
            fall = np.maximum.accumulate(course) - course
            against[place] += bool(fall.max() > limit)
    return directions, {place: count / len(rows) for place, count in against.items()}

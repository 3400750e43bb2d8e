"""Values that an input form starts with, and made-up rows that stand for the labels."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from model.arrays import Array
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature
from model.prediction.schema_rules import SchemaRules
from model.prediction.target import Binary, MultiClass, MultiLabel, Target
from model.prediction.training_sample import TrainingSample

MIN_ROWS: Final = 5  # with a label, or with the values of an example: fewer could be identified
MAX_ATTEMPTS: Final = 10
MAX_EXAMPLE_VALUES: Final = 100_000  # of all examples, which limits the size of an answer
QUARTILES: Final = (0.25, 0.5, 0.75)

Spelled: TypeAlias = str | bool | int | float


def typical_values(predictor: Predictor) -> dict[str, Spelled]:
    """Return a value of each feature by name, as a request spells it.

    It is the recipe's `typical`, else the value that replaces a missing one, within the range.

    Args:
        predictor: The model.
    """
    features = predictor.schema.features
    fill = _filled(predictor).tolist()
    return {
        feature.name: feature.spelled(value) if feature.typical is None else feature.typical
        for feature, value in zip(features, fill, strict=True)
    }


def quartiles(predictor: Predictor) -> dict[str, list[float]]:
    """Return the quartiles and the median of each number by name.

    They are those of the training rows that the model keeps, clipped to the feature's range.

    Args:
        predictor: The model.

    Returns:
        Three numbers in ascending order of each number or integer with a known value; none of a
        model that keeps no rows.
    """
    if predictor.sample is None:
        return {}
    found = {}
    columns = _known(predictor, predictor.sample).T
    for feature, column in zip(predictor.schema.features, columns, strict=True):
        known = column[~np.isnan(column)]
        if feature.type in ("integer", "number") and len(known):
            # Quarters of the values, whose differences do not overflow.
            found[feature.name] = (np.quantile(known / 4, QUARTILES) * 4).tolist()
    return found


def examples(predictor: Predictor) -> list[dict[str, Any]]:
    """Return one made-up row of each label of a classification.

    Each value is the median (numbers) or the most frequent value (categories and booleans) of the
    kept training rows with the label. No example is one of a few rows: a label with fewer than 5
    rows has none, and an example that equals 1 to 4 kept rows is made again without them. Values
    that at least 5 rows share may be an example.

    Args:
        predictor: The model.

    Returns:
        An object of `label` and `values` for each label, in the order of the target; none of a
        regression, or of a model that keeps no rows.
    """
    sample, features = predictor.sample, predictor.schema.features
    if sample is None:
        return []
    masks = _rows_by_label(predictor.schema.target, sample.targets)
    if len(masks) * len(features) > MAX_EXAMPLE_VALUES:
        return []
    known, fill = _known(predictor, sample), _filled(predictor)
    found = []
    for label, mask in masks:
        row = _example(features, known, mask, fill)
        if row is not None:
            pairs = zip(features, row.tolist(), strict=True)
            values = {feature.name: feature.spelled(value) for feature, value in pairs}
            found.append({"label": label, "values": values})
    return found


def _rows_by_label(target: Target, targets: Array) -> list[tuple[str, Array]]:
    """Return each label with the mask of its rows."""
    if isinstance(target, Binary):
        positive = targets[:, 0].astype(bool)
        return [(target.negative, ~positive), (target.positive, positive)]
    if isinstance(target, MultiClass):
        return [(label, targets[:, 0] == place) for place, label in enumerate(target.classes)]
    if isinstance(target, MultiLabel):
        return list(zip(target.labels, targets.T.astype(bool), strict=True))
    return []


def _example(features: Sequence[Feature], known: Array, mask: Array, fill: Array) -> Array | None:
    """Return the middle of the rows with a label; None if it would show one of a few rows."""
    rows = known[mask]
    for _ in range(MAX_ATTEMPTS):
        if len(rows) < MIN_ROWS:
            return None
        row = np.array(
            [
                _middle(feature, column[~np.isnan(column)], default)
                for feature, column, default in zip(features, rows.T, fill, strict=True)
            ]
        )
        if not 0 < np.count_nonzero((known == row).all(axis=1)) < MIN_ROWS:
            return row
        rows = rows[(rows != row).any(axis=1)]
    return None


def _middle(feature: Feature, known: Array, default: float) -> float:
    """Return the median of numbers, or the most frequent value; the default without any."""
    if not len(known):
        return default
    if feature.type in ("category", "boolean"):
        return float(np.bincount(known.astype(int)).argmax())
    median = float(np.median(known / 4) * 4)  # the sum of two quarters does not overflow
    return float(np.rint(median)) if feature.type == "integer" else median


def _known(predictor: Predictor, sample: TrainingSample) -> Array:
    """Return the kept rows within the schema's ranges, NaN for missing and unknown values."""
    features = predictor.schema.features
    rules = SchemaRules(features)
    is_number = np.array([each.type in ("integer", "number") for each in features])
    clipped = np.clip(sample.rows, rules.low, rules.high)
    return np.where(is_number | (clipped == sample.rows), clipped, np.nan)


def _filled(predictor: Predictor) -> Array:
    """Return the value that replaces a missing one of each feature, within the schema's range."""
    rules = SchemaRules(predictor.schema.features)
    return np.clip(predictor.encoder.fill, rules.low[0], rules.high[0])

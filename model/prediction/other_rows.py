"""Prediction of rows that another version of the model has answered."""

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature, Schema
from model.prediction.schema_rules import SchemaRules


def schema_difference(first: Schema, second: Schema) -> str | None:
    """Return why the raw rows and answers of two schemas differ in meaning; None if they agree.

    Ranges, units and texts may differ.

    Args:
        first: Schema of the version that has answered.
        second: Schema of the other version.
    """
    if first.names != second.names:
        return "its features have other names, or another order"
    for one, other in zip(first.features, second.features, strict=True):
        if _values(one) != _values(other):
            return f"its feature {one.name} has another type or other categories"
    if answer_names(first) != answer_names(second):
        return "its target has another task or other names"
    return None


def predict_valid(
    predictor: Predictor, rows: Array, rules: SchemaRules | None = None
) -> tuple[Array, Array]:
    """Predict the rows that a model accepts.

    Args:
        predictor: The model.
        rows: Raw rows of a schema without a `schema_difference`, `(B, F)`, NaN where missing.
        rules: Rules of the model's schema, which take longer to make than to check a few rows.

    Returns:
        The predictions `(V, outputs)` of the valid rows, and the mask of these, `(B,)`. A row is
        valid if it satisfies the schema, and its prediction is finite.
    """
    rules = rules or SchemaRules(predictor.schema.features)
    invalid = rules.check(rows)
    is_valid: Array = np.ones(len(rows), dtype=bool)
    if invalid is not None:
        is_valid = np.logical_not(invalid.any(axis=1))
    predictions = _predict(predictor, rows[is_valid])
    is_finite = np.isfinite(predictions).all(axis=1)
    is_valid[np.flatnonzero(is_valid)[~is_finite]] = False
    return predictions[is_finite], is_valid


def answer_names(schema: Schema) -> tuple[str, ...]:
    """Return what identifies the form of a schema's answers: its task and the names in it."""
    target = schema.target
    task = "regression" if target.task == "non_negative" else target.task
    negative = (target.negative,) if target.task == "binary" else ()
    return (task, *negative, *target.names)


def _values(feature: Feature) -> tuple[object, ...]:
    """Return what a stored number means; an integer is a number to a model that accepts it."""
    kind = "number" if feature.type == "integer" else feature.type
    return kind, feature.categories


def _predict(predictor: Predictor, rows: Array) -> Array:
    """Return predictions; NaN for a row with a value that is too large to be scaled."""
    if not len(rows):
        return np.empty((0, predictor.outputs))
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return predictor.predict(rows)
    except NetworkError:
        if len(rows) == 1:
            return np.full((1, predictor.outputs), np.nan)
        middle = len(rows) // 2
        return np.concatenate([_predict(predictor, each) for each in np.split(rows, [middle])])

"""Tests of model.prediction.other_rows: which schemas agree, and which rows are valid."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.random_model import TARGETS, random_model

from model.prediction.other_rows import predict_valid, schema_difference
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary


def changed(schema: Schema, number: int, **fields: Any) -> Schema:
    """Return a schema with another feature."""
    features = list(schema.features)
    features[number] = Feature(**(features[number].model_dump(exclude_none=True) | fields))
    return Schema(features=tuple(features), target=schema.target)


def test_schemas_that_agree(kinds: Predictor) -> None:
    schema = kinds.schema
    assert schema_difference(schema, schema) is None
    assert schema_difference(schema, changed(schema, 0, unit="cm", maximum=9.0)) is None
    assert schema_difference(schema, changed(schema, 3, type="number")) is None


def test_schemas_that_differ() -> None:
    schemas = [random_model(task).schema for task in TARGETS]
    for number, one in enumerate(schemas):
        for other in schemas[number + 1 :]:
            assert schema_difference(one, other) == "its target has another task or other names"
    schema = schemas[0]
    assert "names" in str(schema_difference(schema, changed(schema, 0, name="length")))
    swapped = Schema(features=schema.features[::-1], target=schema.target)
    assert "order" in str(schema_difference(schema, swapped))
    other = changed(schema, 1, categories=("red", "grün", "dark blue"))
    assert "colour" in str(schema_difference(schema, other))
    target = Binary(negative="never", positive="yes, surely")
    negative = Schema(features=schema.features, target=target)
    assert "target" in str(schema_difference(schema, negative))


def test_invalid_rows_are_left_out(kinds: Predictor) -> None:
    rows = np.array([[2.5, 2, 1, 3], [-1, 0, 0, 1], [1, np.nan, np.nan, 10], [1, 0, 0, 11]])
    predictions, is_valid = predict_valid(kinds, rows)
    assert is_valid.tolist() == [True, False, True, False]
    assert (predictions == kinds.predict(rows[[0, 2]])).all()
    assert predict_valid(kinds, rows[1:2])[0].shape == (0, kinds.outputs)


@pytest.mark.parametrize("places", [[0], [1, 3], [0, 1, 2, 3, 4]])
def test_rows_too_large_to_be_predicted(places: list[int]) -> None:
    predictor = random_model("regression")
    # Without the square root, so that the largest number is not finite when it is scaled.
    encoder = replace(predictor.encoder, transforms=("", "", "", ""), spread=np.full(6, 1e-300))
    predictor = replace(predictor, encoder=encoder)
    rows = np.full((5, 4), 1.0)
    rows[:, 1] = 0
    rows[places, 0] = 1e308
    expected = np.ones(5, dtype=bool)
    expected[places] = False
    predictions, is_valid = predict_valid(predictor, rows)
    assert is_valid.tolist() == expected.tolist()
    assert len(predictions) == expected.sum()

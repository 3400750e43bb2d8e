"""Tables of rows: the inputs of the encoder to the last bit, for exactly the valid rows."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.prediction.encoder import Encoder
from model.prediction.row_tables import MAX_VALUES, RowTables
from model.prediction.schema import Feature, Schema
from model.prediction.schema_rules import SchemaRules
from model.prediction.target import Binary
from model.training.tables.fit_encoder import SCALINGS, fit_encoder

MIXED: list[dict[str, Any]] = [
    {"name": "score", "type": "integer", "minimum": 0.5, "maximum": 10},
    {"name": "colour", "type": "category", "categories": ["red", "1", "True"]},
    {"name": "smokes", "type": "boolean"},
    {"name": "change", "type": "integer", "minimum": -3, "maximum": 3.5, "may_be_missing": True},
]
JSON_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.integers(-4, 11),
    st.integers(-4, 11).map(float),
    st.booleans(),
    st.sampled_from(["red", "1", "True", "blue", None, -0.0, 0.5, 1e300, 10**400, [1], {"a": 1}]),
)


def schema_of(*features: dict[str, Any]) -> Schema:
    made = tuple(Feature(**each) for each in features)
    return Schema(features=made, target=Binary(negative="no", positive="yes"))


def encoder_of(schema: Schema, transforms: tuple[str, ...], scaling: str) -> Encoder:
    raw = np.random.default_rng(0).integers(0, 2, (20, len(schema.features))).astype(float)
    raw[:, 0] += 1
    more: dict[str, Any] = {"intervals": 3, "smooth_clip": 2.0} if scaling == "robust" else {}
    return fit_encoder(raw, schema, scaling, transforms, "median", **more)


def neg(number: int) -> float:
    """Return the number negated, 0 as negative zero."""
    return -float(number)


def raw_row(schema: Schema, values: list[Any]) -> Array:
    """Raw values by the definition of a raw row, infinity for what is no value of its feature."""
    row = []
    for feature, value in zip(schema.features, values, strict=True):
        if feature.type == "category":
            valid = isinstance(value, str) and value in feature.categories
            row.append(float(feature.categories.index(value)) if valid else np.inf)
        elif feature.type == "boolean":
            row.append(float(value) if isinstance(value, bool) else np.inf)
        else:
            valid = type(value) in (int, float) and abs(value) < 1e308
            row.append(float(value) if valid else np.inf)
    return np.array([row])


@given(
    st.lists(JSON_VALUES, min_size=4, max_size=4),
    st.sampled_from(["", "sqrt", "log"]),
    st.sampled_from([*SCALINGS]),
)
def test_rows_are_checked_and_encoded_as_arrays_are(
    values: list[Any], transform: str, scaling: str
) -> None:
    """Rows of any JSON values, as the rules of the schema and the encoder have them."""
    schema = schema_of(*MIXED)
    encoder = encoder_of(schema, (transform, "", "", ""), scaling)
    tables = RowTables.for_model(schema, encoder)
    assert tables is not None
    raw = raw_row(schema, values)
    encoded = tables.encode(values)
    if SchemaRules(schema.features).check(raw) is None:
        assert encoded is not None or float in map(type, values)
    if encoded is not None:
        assert SchemaRules(schema.features).check(raw) is None
        assert encoded == encoder.encode(raw).tobytes()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_all_values_of_a_feature(scaling: str) -> None:
    schema = schema_of(*MIXED)
    encoder = encoder_of(schema, ("", "", "", ""), scaling)
    tables = RowTables.for_model(schema, encoder)
    assert tables is not None
    for score in range(1, 11):
        for colour in ("red", "1", "True"):
            for smokes in (False, True):
                for change in range(-3, 4):
                    values = [score, colour, smokes, change]
                    expected = encoder.encode(raw_row(schema, values)).tobytes()
                    assert tables.encode(values) == expected


WIDE: list[dict[str, Any]] = [
    {"name": "score", "type": "integer", "minimum": 1, "maximum": 10},
    {"name": "change", "type": "integer", "minimum": -300, "maximum": 300},
    {"name": "smokes", "type": "boolean"},
]
WIDE_VALUES: list[st.SearchStrategy[Any]] = [
    st.integers(1, 10),
    st.integers(-300, 300),
    st.booleans(),
]
MIXED_VALUES: list[st.SearchStrategy[Any]] = [
    st.integers(1, 10),
    st.sampled_from(["red", "1", "True"]),
    st.booleans(),
    st.integers(-3, 3),
]


@given(st.data(), st.booleans())
def test_raw_values_of_rows_are_those_of_their_definition(data: st.DataObject, mixed: bool) -> None:
    """With numbers only and with categories; integers of any size, floats and negative zero."""
    features, kinds = (MIXED, MIXED_VALUES) if mixed else (WIDE, WIDE_VALUES)
    schema = schema_of(*features)
    tables = RowTables.for_model(schema, encoder_of(schema, ("",) * len(features), "none"))
    assert tables is not None
    columns = [
        each if feature["type"] != "integer" else st.one_of(each, each.map(float), each.map(neg))
        for feature, each in zip(features, kinds, strict=True)
    ]
    drawn = data.draw(st.lists(st.tuples(*columns), max_size=5))
    rows = [row for row in drawn if tables.encode(row) is not None]
    expected = [raw_row(schema, list(row)) for row in rows]
    found = tables.raw_values([value for row in rows for value in row])
    assert found.shape == (len(rows), len(features))
    assert found.dtype == np.float64
    assert found.tobytes() == b"".join(each.tobytes() for each in expected)


def test_true_is_no_number_and_a_number_is_no_boolean() -> None:
    schema = schema_of(*MIXED)
    tables = RowTables.for_model(schema, encoder_of(schema, ("", "", "", ""), "standard"))
    assert tables is not None
    assert tables.encode([1, "red", True, 1]) is not None
    assert tables.encode([1.0, "red", True, 1]) == tables.encode([1, "red", True, 1])
    for invalid in ([True, "red", True, 1], [1, "red", 1, 1], [1, "red", True, 1.5]):
        assert tables.encode(invalid) is None


@pytest.mark.parametrize("scaling", SCALINGS)
def test_negative_zero_has_its_own_inputs(scaling: str) -> None:
    """Unless the inputs are those of 0, floats are declined, since both zeros have one key."""
    schema = schema_of({"name": "change", "type": "integer", "minimum": -3, "maximum": 3})
    encoder = encoder_of(schema, ("",), scaling)
    tables = RowTables.for_model(schema, encoder)
    assert tables is not None
    zeros = encoder.encode(np.array([[-0.0], [0.0]]))
    is_one = zeros[0].tobytes() == zeros[1].tobytes()
    assert tables.encode([-0.0]) == (zeros[0].tobytes() if is_one else None)
    assert tables.encode([0]) == zeros[1].tobytes()


def test_rows_of_another_length_are_declined() -> None:
    schema = schema_of(*MIXED)
    tables = RowTables.for_model(schema, encoder_of(schema, ("", "", "", ""), "standard"))
    assert tables is not None
    assert tables.encode([1, "red", True]) is None
    assert tables.encode([1, "red", True, 1, 1]) is None


@pytest.mark.parametrize(
    "feature",
    [
        {"name": "size"},
        {"name": "size", "minimum": 0, "maximum": 1},
        {"name": "count", "type": "integer", "minimum": 0},
        {"name": "count", "type": "integer", "minimum": 0, "maximum": MAX_VALUES},
        {"name": "count", "type": "integer", "minimum": -1e300, "maximum": 1e300},
    ],
)
def test_no_tables_of_many_values(feature: dict[str, Any]) -> None:
    schema = schema_of({"name": "smokes", "type": "boolean"}, feature)
    assert RowTables.for_model(schema, encoder_of(schema, ("", ""), "standard")) is None


@pytest.mark.parametrize("spread", [1e-320, 1e-40])
def test_no_tables_of_values_that_cannot_be_scaled(spread: float) -> None:
    """Neither those of float64, nor those of a network that computes in float32."""
    schema = schema_of({"name": "count", "type": "integer", "minimum": 0, "maximum": 9})
    tiny = Encoder((0,), ("",), np.zeros(1), np.zeros(1), np.full(1, spread))
    assert RowTables.for_model(schema, tiny) is None


def test_values_of_json(predictor: Any) -> None:
    """Values as a JSON parser returns them give the predictions of arrays."""
    tables = predictor.row_tables
    rows = np.random.default_rng(0).integers(1, 11, (30, 9))
    encoded = [tables.encode(json.loads(json.dumps(row.tolist()))) for row in rows]
    together = predictor.predict_encoded(encoded)
    assert together.tobytes() == predictor.predict(rows.astype(float)).tobytes()
    for index, row in enumerate(encoded):
        assert predictor.predict_encoded([row]).tobytes() == together[index : index + 1].tobytes()


def test_values_that_are_read_as_missing_are_in_no_table() -> None:
    schema = schema_of(*MIXED)
    encoder = encoder_of(schema, ("",) * 4, "none")
    missing = schema.model_copy(update={"missing_values": ("3", "1", "True")})
    tables = RowTables.for_model(missing, encoder)
    assert tables is not None
    assert tables.encode([2, "red", True, 0]) is not None
    for row in ([3, "red", True, 0], [2, "1", True, 0], [2, "True", True, 0], [2, "red", True, 1]):
        assert tables.encode(row) is None
        usual = RowTables.for_model(schema, encoder)
        assert usual is not None
        assert usual.encode(row) is not None

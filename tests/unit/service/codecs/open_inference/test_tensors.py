"""Tensors, JSON or binary, are accepted by the schema's rules or rejected."""

import json
import math
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.raw_values import is_valid

from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.codecs.open_inference.inputs import InputTensors
from service.codecs.open_inference.request import RequestLimits, read_request
from service.codecs.open_inference.tensors import DATATYPES, NUMBERS, Tensor
from service.problems import Problem

FEATURES = (
    Feature(name="size", minimum=0.1, maximum=9),
    Feature(name="any"),
    Feature(name="colour", type="category", categories=("red", "grün"), may_be_missing=True),
    Feature(name="smokes", type="boolean", may_be_missing=True),
    Feature(name="score", type="integer", minimum=1, maximum=10, may_be_missing=True),
    Feature(name="count", type="integer"),
)
MAX_ROWS = 5
TENSORS = InputTensors(
    Schema(features=FEATURES, target=Binary(negative="no", positive="yes")), MAX_ROWS
)
MOST = RequestLimits.for_model(MAX_ROWS, len(FEATURES), outputs=2)

VALUES = st.one_of(
    st.sampled_from([0.0, 0.1, 1.0, 1.5, 2.0, 9.0, 10.0, 11.0, math.inf, -math.inf, math.nan]),
    st.floats(),
)


@given(st.lists(st.tuples(*[VALUES] * 6), min_size=1, max_size=MAX_ROWS))
@example([(0.1, -1e308, 1, 0, 10, 0)])
@example([(9, 1e308, math.nan, math.nan, math.nan, -5)])
def test_binary_numbers_are_taken_by_the_schemas_rules(rows: list[tuple[float, ...]]) -> None:
    values = np.array(rows, dtype="<f8")
    tensor = Tensor("input", "FP64", values.shape, memoryview(values.tobytes()))
    keeps = all(
        is_valid(feature, value)
        for row in values.tolist()
        for feature, value in zip(FEATURES, row, strict=True)
    )
    if keeps:
        np.testing.assert_array_equal(TENSORS.rows([tensor]), values)
    else:
        with pytest.raises(Problem, match="400: Input input, row"):
            TENSORS.rows([tensor])


@pytest.mark.parametrize(("datatype", "dtype"), [("FP16", "<f2"), ("FP32", "<f4")])
@given(value=VALUES | st.sampled_from([0.7, 0.0999, 0.7001]))
def test_fewer_bits_are_taken_into_the_range(datatype: str, dtype: str, value: float) -> None:
    feature = replaced("number", minimum=0.1, maximum=0.7)
    with np.errstate(over="ignore"):
        rounded = np.array([[value]], dtype=dtype)
    tensor = Tensor("input", datatype, (1, 1), memoryview(rounded.tobytes()))
    low, high = np.array([0.1, 0.7], dtype=dtype)
    try:
        (taken,) = feature.rows([tensor])
    except Problem:
        assert not low <= rounded[0, 0] <= high
    else:
        assert low <= rounded[0, 0] <= high
        assert 0.1 <= taken[0] <= 0.7
        assert taken[0] == pytest.approx(float(rounded[0, 0]), rel=1e-3)


def bfloat16(value: float, *, nearest: bool) -> bytes:
    """Return a positive number as BF16: its upper half, cut off or rounded to nearest."""
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    if nearest:
        bits += 0x7FFF + (bits >> 16 & 1)
    return struct.pack("<H", bits >> 16)


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1.0, 256.0, 1e30, 1e-30])
def test_bfloat16_there(value: float, nearest: bool) -> None:
    data = memoryview(bfloat16(value, nearest=nearest))
    (taken,) = Tensor("x", "BF16", (1, 1), data).numbers()
    assert taken == pytest.approx(value, rel=2**-8 if nearest else 2**-7)
    tensor = Tensor("x", "BF16", (1, 1), data)
    (lowest,) = replaced("number", minimum=value, maximum=2 * value).rows([tensor])
    (highest,) = replaced("number", minimum=0, maximum=value).rows([tensor])
    assert (lowest, highest) == (max(value, taken), min(value, taken))
    for low, high in ((0, value / 1.02), (value * 1.02, 2 * value)):
        with pytest.raises(Problem, match="row 0: must be a number"):
            replaced("number", minimum=low, maximum=high).rows([tensor])


@pytest.mark.parametrize(
    ("data", "number"),
    [(b"\x80\x3f", 1), (b"\x00\xc0", -2), (b"\x80\x7f", math.inf), (b"\xc0\x7f", math.nan)],
)
def test_special_bfloat16(data: bytes, number: float) -> None:
    tensor = Tensor("x", "BF16", (1, 1), memoryview(data))
    np.testing.assert_array_equal(tensor.numbers(), [number])
    with pytest.raises(Problem, match="must hold as much data"):
        Tensor("x", "BF16", (1, 1), memoryview(data * 2)).numbers()


def replaced(type_: Any, **facts: Any) -> InputTensors:
    feature = Feature(name="x", type=type_, **facts)
    target = Binary(negative="no", positive="yes")
    return InputTensors(Schema(features=(feature,), target=target), MAX_ROWS)


@pytest.mark.parametrize("datatype", [each for each in NUMBERS if each != "BF16"])
def test_every_number_there_and_in_json(datatype: str) -> None:
    dtype = f"<{datatype[0].lower()}{int(datatype.strip('UINTFP')) // 8}"
    limits = np.iinfo(dtype) if datatype[0] in "UI" else np.finfo(dtype)
    numbers = np.array([limits.min, 0, 1, limits.max], dtype=dtype)
    binary = Tensor("x", datatype, (4, 1), memoryview(numbers.tobytes()))
    as_json = Tensor("x", datatype, (4, 1), numbers.tolist())
    for tensor in (binary, as_json):
        np.testing.assert_array_equal(tensor.numbers(), numbers.astype(np.float64))
    if datatype[0] in "UI" and "64" not in datatype:
        for beyond in (int(limits.min) - 1, int(limits.max) + 1, 0.5):
            with pytest.raises(Problem, match=f"row 3: must hold {datatype} numbers"):
                replace(as_json, data=[0, 0, 0, beyond]).numbers()


@given(st.lists(st.sampled_from(["red", "grün", "", "x"]), min_size=1, max_size=MAX_ROWS))
def test_categories_there_and_in_json(texts: list[str]) -> None:
    inputs = replaced("category", categories=("red", "grün"), may_be_missing=True)
    encoded = [text.encode() for text in texts]
    data = b"".join(len(each).to_bytes(4, "little") + each for each in encoded)
    places = {"red": 0.0, "grün": 1.0, "": math.nan}
    for given_data in (memoryview(data), list(texts)):
        tensor = Tensor("x", "BYTES", (len(texts),), given_data)
        if "x" in texts:
            with pytest.raises(Problem, match=f"row {texts.index('x')}: must be one of red, grün"):
                inputs.rows([tensor])
        else:
            wanted = np.array([[places[text]] for text in texts])
            np.testing.assert_array_equal(inputs.rows([tensor]), wanted)
    for broken in (data[:-1], data + b"\0", data + bytes(4), b"\xff\xff\xff\xff" + data[4:]):
        with pytest.raises(Problem, match="must hold as much data"):
            inputs.rows([Tensor("x", "BYTES", (len(texts),), memoryview(broken))])


@pytest.mark.parametrize(("data", "good"), [(b"\0\1\1", True), (b"\0\1\2", False)])
def test_binary_truths(data: bytes, good: bool) -> None:
    tensor = Tensor("x", "BOOL", (3, 1), memoryview(data))
    if good:
        assert replaced("boolean").rows([tensor]).ravel().tolist() == [0, 1, 1]
    else:
        with pytest.raises(Problem, match="row 2: must be a byte of 0 or 1"):
            replaced("boolean").rows([tensor])


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["red", "grün", "input", "size", "", "\ud800", 10**400]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
SHAPES = st.lists(st.integers(-1, 7) | st.just(10**30), max_size=3) | JSON_VALUES
PARAMETERS = st.dictionaries(
    st.sampled_from(["binary_data_size", "binary_data", "content_type"]),
    st.integers(-1, 60) | JSON_VALUES,
    max_size=2,
)
INPUT = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["input", *(each.name for each in FEATURES)]) | JSON_VALUES,
        "shape": SHAPES,
        "datatype": st.sampled_from(DATATYPES) | JSON_VALUES,
    },
    optional={"data": JSON_VALUES | st.lists(VALUES), "parameters": PARAMETERS | JSON_VALUES},
)
REQUEST = st.fixed_dictionaries(
    {"inputs": st.lists(INPUT, max_size=7) | JSON_VALUES},
    optional={"id": JSON_VALUES, "parameters": JSON_VALUES, "outputs": JSON_VALUES},
)


def accepted_or_rejected(body: bytes, header_length: int | None) -> None:
    try:
        rows = TENSORS.rows(read_request(body, header_length, MOST).inputs)
    except Problem as problem:
        assert problem.status == 400  # noqa: PT017 - what is neither is an error too
    else:
        assert rows.shape[1:] == (len(FEATURES),)
        assert 1 <= len(rows) <= MAX_ROWS
        for row in rows.tolist():
            assert all(map(is_valid, FEATURES, row))


@given(st.binary(max_size=200), st.none() | st.integers(0, 250))
@example(b"[" * 100_000, None)
@example(b'{"id": "\\ud800"}', None)
def test_any_bytes(body: bytes, header_length: int | None) -> None:
    accepted_or_rejected(body, header_length)


@given(REQUEST, st.binary(max_size=100), st.integers(-3, 3))
def test_any_request(request: Any, data: bytes, off: int) -> None:
    header = json.dumps(request).encode()
    accepted_or_rejected(header + data, max(0, len(header) + off))


@given(
    st.sampled_from(DATATYPES),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.binary(max_size=100),
    st.sampled_from(["input", *(each.name for each in FEATURES)]),
)
def test_any_binary_tensor(datatype: str, shape: list[int], data: bytes, name: str) -> None:
    tensor = {"name": name, "datatype": datatype, "shape": shape}
    request = {"inputs": [{**tensor, "parameters": {"binary_data_size": len(data)}}]}
    header = json.dumps(request).encode()
    accepted_or_rejected(header + data, len(header))

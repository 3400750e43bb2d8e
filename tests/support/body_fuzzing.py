"""Fuzz targets of the body readers, and naive reference readers.

A target accepts any bytes and returns True if a reader accepts them. A reader may raise only
Problem, and must read an accepted body as the reference does.
"""

import csv
import io
import json
import math
import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from support.raw_values import is_valid

from model.arrays import Array
from model.prediction.cells import CellParser
from model.prediction.delimiters import find_delimiter
from model.prediction.names import nfc
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.codecs.blocks import Block, TableReader, TableRules
from service.codecs.json.parser import InstanceParser
from service.codecs.open_inference.inputs import InputTensors
from service.codecs.open_inference.request import RequestLimits, read_request
from service.codecs.tabular.csv_reader import CsvReader
from service.codecs.tabular.ndjson import NdjsonReader
from service.problems import MAX_ERRORS, Problem

FEATURES = (
    Feature(name="size", type="integer", minimum=1, maximum=10),
    Feature(name="age", minimum=0, may_be_missing=True),
    Feature(name="kind", type="category", categories=("a", "b c"), may_be_missing=True),
    Feature(name="ill", type="boolean"),
)
TARGET = Binary(negative="no", positive="yes")
KINDS = Schema(features=FEATURES, target=TARGET)
NUMBERS = Schema(features=FEATURES[:2], target=TARGET)
MAX_ROWS = 50
PARSERS = {schema: InstanceParser(schema, MAX_ROWS) for schema in (KINDS, NUMBERS)}
TENSORS = {schema: InputTensors(schema, MAX_ROWS) for schema in (KINDS, NUMBERS)}
LIMITS = RequestLimits.for_model(MAX_ROWS, 4, 2)


def number(value: Any, feature: Feature) -> float:
    """Return the number of a JSON value; an invalid value raises an exception."""
    if value is None:
        assert feature.may_be_missing
        return math.nan
    if feature.type == "category":
        return feature.categories.index(value)
    assert isinstance(value, bool) == (feature.type == "boolean")
    assert is_valid(feature, float(value))
    return float(value)


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; a repeated name raises AssertionError."""
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def rows_of(text: bytes) -> Any:
    """Parse JSON with the standard library."""
    return json.loads(text, object_pairs_hook=unique_names)


def as_numbers(rows: Iterable[Any], schema: Schema, *, with_extra: bool = False) -> Array:
    """Return the numbers of rows that are objects or arrays of values, shape (rows, features)."""
    found = []
    for row in rows:
        if isinstance(row, dict):
            assert with_extra or row.keys() <= set(schema.names)
            row = [row.get(name) for name in schema.names]
        found.append([number(each, f) for each, f in zip(row, schema.features, strict=True)])
    return np.array(found).reshape(-1, len(schema.features))


def assert_bounded(problem: Problem) -> None:
    """Assert that an error is short, and contains no control characters."""
    assert 400 <= problem.status < 500
    assert len(problem.errors) <= MAX_ERRORS
    texts = [problem.detail, *(text for each in problem.errors for text in each.values())]
    assert all(str(text).isprintable() and len(str(text)) < 400 for text in texts)


def json_body(data: bytes) -> bool:
    """Parse a body of /predict."""
    for schema, parser in PARSERS.items():
        try:
            parsed = parser.parse(data)
        except Problem as problem:
            assert_bounded(problem)
            continue
        body = rows_of(data)
        rows = [body] if parsed.single else body["instances"]
        assert parsed.single == ("instances" not in body)
        expected = as_numbers(rows, schema)
        np.testing.assert_array_equal(parsed.values, expected)
        return True
    return False


def tensors(data: bytes) -> bool:
    """Parse a body of /v2/…/infer, after two bytes with the length of its JSON part."""
    if len(data) < 2:
        return False
    (length,) = struct.unpack_from("<H", data)
    body, accepted = data[2:], False
    for header_length in (None, length):
        for schema in (KINDS, NUMBERS):
            try:
                request = read_request(body, header_length, LIMITS)
                rows = TENSORS[schema].rows(request.inputs)
            except Problem as problem:
                assert_bounded(problem)
                continue
            accepted = True
            assert rows.shape == (request.rows, len(schema.features))
            for column, feature in zip(rows.T.tolist(), schema.features, strict=True):
                assert all(is_valid(feature, value) for value in column)
            document = rows_of(body[:header_length])
            if all("data" in each for each in document["inputs"]):
                by_name = {
                    each["name"]: np.ravel(each["data"]).tolist() for each in document["inputs"]
                }
                if schema is NUMBERS and "input" not in by_name:
                    count = request.rows
                    named = [by_name.get(name, [None] * count) for name in schema.names]
                    expected = as_numbers(zip(*named, strict=True), schema)
                    np.testing.assert_allclose(rows, expected, rtol=1e-7)  # FP32
    return accepted


def read(reader: TableReader, data: bytes, cut: int) -> list[Block] | None:
    """Read a body in two parts, cut at `cut`; return None if the reader rejects it."""
    try:
        blocks = [block for part in (data[:cut], data[cut:]) for block in reader.feed(part)]
        blocks += reader.finish()
    except Problem as problem:
        assert_bounded(problem)
        return None
    for block in blocks:
        for errors in block.errors.values():
            assert_bounded(Problem.invalid(errors))
    return blocks


def good_rows(blocks: list[Block]) -> list[list[float]]:
    """Return the values of the rows without errors."""
    return [
        row
        for block in blocks
        for place, row in enumerate(block.values.tolist())
        if place not in block.errors
    ]


def ndjson(data: bytes) -> bool:
    """Parse NDJSON."""
    for schema, parser in PARSERS.items():
        blocks = read(NdjsonReader(parser.rows), data, len(data) // 2)
        if blocks is None:
            continue
        lines = [line for line in map(bytes.strip, data.split(b"\n")) if line]
        assert sum(len(block.values) for block in blocks) == len(lines)
        good, place = [], 0
        for block in blocks:
            extra = [{}] * len(block.values) if block.extra is None else block.extra.objects()
            for row, fields in enumerate(extra):
                if row not in block.errors:
                    good.append(rows_of(lines[place]))
                    if isinstance(good[-1], dict):
                        others = good[-1].keys() - set(schema.names)
                        assert fields == {name: good[-1][name] for name in others}
                place += 1
        np.testing.assert_array_equal(
            np.array(good_rows(blocks)).reshape(-1, len(schema.features)),
            as_numbers(good, schema, with_extra=True),
        )
    return True


def csv_body(data: bytes) -> bool:
    """Parse CSV."""
    for schema in (KINDS, NUMBERS):
        blocks = read(CsvReader(TableRules(schema)), data, len(data) // 3)
        if blocks is None:
            continue
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        delimiter = find_delimiter(text.lstrip("\n").partition("\n")[0], schema.names)
        reader = csv.reader(io.StringIO(text, "\n"), delimiter=delimiter)
        header, *rows = filter(None, reader)
        names = [nfc(name.strip()) for name in header]
        parsers = {feature.name: CellParser(feature) for feature in schema.features}
        expected = []
        for row in rows:
            if len(row) != len(names):
                continue
            cells = dict(zip(names, row, strict=True))
            found = [parsers[name](cells.get(name, "")) for name in schema.names]
            if all(map(is_valid, schema.features, found)):
                expected.append(found)
        assert sum(len(block.values) for block in blocks) == len(rows)
        np.testing.assert_array_equal(np.array(good_rows(blocks)).ravel(), np.ravel(expected))
    return True


def arrow(data: bytes) -> bool:
    """Parse an Arrow stream; needs pyarrow."""
    from service.codecs.tabular.arrow_reader import ArrowReader

    accepted = False
    for schema in (KINDS, NUMBERS):
        blocks = read(ArrowReader(TableRules(schema), 1 << 20), data, len(data) // 2)
        if blocks is None:
            continue
        accepted = True
        for row in good_rows(blocks):
            assert all(map(is_valid, schema.features, row))
    return accepted


TARGETS: dict[str, Callable[[bytes], bool]] = {
    "json": json_body,
    "tensors": tensors,
    "ndjson": ndjson,
    "csv": csv_body,
    "arrow": arrow,
}


def _framed(request: dict[str, Any], *binary: bytes) -> bytes:
    header = json.dumps(request).encode()
    return struct.pack("<H", len(header)) + header + b"".join(binary)


def seeds(target: str) -> list[bytes]:
    """Return valid bodies of a target, as a start for mutations."""
    objects: list[dict[str, Any]] = [
        {"size": 5, "age": 0.5, "kind": "a", "ill": True},
        {"size": 1.0, "ill": False},
        {"size": 5, "age": None},
    ]
    extra = [objects[0] | {"id": 7}, objects[1] | {"of": {"b": [1, "a:b"]}}]
    arrays = [[5, 1e3, "b c", True], [1, None, None, False], [5, 2]]
    if target == "json":
        rows: list[Any] = [*objects, {"instances": objects[:2]}, {"instances": arrays[:2]}]
        rows += [{"instances": arrays[2:] * 3}, {"instances": objects[2:]}]
        return [json.dumps(each).encode() for each in rows]
    if target == "ndjson":
        return ["\n".join(map(json.dumps, each)).encode() for each in (objects, arrays, extra)]
    if target == "csv":
        header = "size,age,kind,ill\n"
        lines = ["size,age\n5,0.5\n1,\n", header + '5,1e3,"b c",true\n1,,,0', "\ufeffage,size\r1,5"]
        lines += [f'id,{header}"a, b",5,1e3,a,true\nc,1,,,0\n', "age;size\nNA;5\n1,5;1\n?;2\n"]
        return [each.encode() for each in lines]
    if target == "tensors":
        size = {"name": "size", "shape": [2], "datatype": "UINT8"}
        age = {"name": "age", "shape": [2, 1], "datatype": "FP32", "data": [[0.5], [1]]}
        kind = {"name": "kind", "shape": [2], "datatype": "BYTES", "data": ["a", None]}
        ill = {"name": "ill", "shape": [2], "datatype": "BOOL", "data": [True, False]}
        one = {"name": "input", "shape": [1, 4], "datatype": "FP64", "data": [1, 2.5, 0, 1]}
        binary = {**size, "parameters": {"binary_data_size": 2}}
        text = {
            "name": "kind",
            "shape": [2],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": 12},
        }
        options = {"id": "x:y", "outputs": [{"name": "label", "parameters": {"binary_data": True}}]}
        return [
            _framed({"inputs": [size | {"data": [1, 10]}, age]}),
            _framed({"inputs": [size | {"data": [1, 10]}, kind, ill], **options}),
            _framed({"inputs": [one], "parameters": {"threshold": 0.5}}),
            _framed({"inputs": [binary, text, ill]}, b"\1\2", b"\1\0\0\0a", b"\3\0\0\0b c"),
        ]
    import pyarrow as pa

    table = pa.table(
        {"size": [5, 1], "age": [0.5, None], "kind": ["a", None], "ill": [True, False]}
    )
    coded = table.set_column(2, "kind", table["kind"].dictionary_encode())
    found = []
    for each, compression in ((table, None), (coded, None), (table, "zstd"), (table, "lz4")):
        sink = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.ipc.new_stream(sink, each.schema, options=options) as writer:
            writer.write_table(each)
        found.append(sink.getvalue())
    return found

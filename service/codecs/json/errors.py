"""Find the errors of a rejected JSON body: up to ten fields, and the rules they break."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydantic_core import SchemaValidator, from_json

from model.prediction.schema import Feature, Schema
from service.codecs.json.core_schema import array_row, object_row, value_schema
from service.codecs.json.limits import JsonLimits
from service.problems import MAX_ERRORS, FieldError

MAX_NAME_LENGTH = 100


class ErrorFinder:
    """Finds the errors of a body that is JSON but does not fit the schema.

    It is lazy and skips valid rows in Rust, so a large body costs little more than parsing it
    again.

    Args:
        schema: The model's schema.
        max_rows: Maximum number of rows.
        limits: Limits of the text, checked before a whole body is parsed.
    """

    def __init__(self, schema: Schema, max_rows: int, limits: JsonLimits) -> None:
        self._features = {feature.name: feature for feature in schema.features}
        self._max_rows = max_rows
        self._limits = limits
        self._values = {
            feature.name: SchemaValidator(value_schema(feature)) for feature in schema.features
        }
        self._object_row = SchemaValidator(object_row(schema))
        self._array_row = SchemaValidator(array_row(schema))

    def errors(self, body: bytes, chunks: list[bytes] | None = None) -> list[FieldError]:
        """Return the first errors of a rejected body, at least one.

        Args:
            body: The request body.
            chunks: Its chunks, if `split_body` found any.

        Returns:
            Up to ten errors.

        Raises:
            ValueError: The body is not valid JSON.
            Problem: The body exceeds the limits (422).
        """
        try:
            errors = list(islice(self._in_chunks(chunks or []), MAX_ERRORS))
        except ValueError:  # a chunk is not an array of rows, or the body is not JSON
            errors = []
        if not errors:
            self._limits.require(body)
            errors = list(islice(self._in_body(from_json(body)), MAX_ERRORS))
        errors = errors or list(islice(_duplicates(body), MAX_ERRORS))
        return errors or [FieldError(field="body", rule="does not fit this model")]

    def _in_chunks(self, chunks: list[bytes]) -> Iterator[FieldError]:
        """Yield the errors of chunks, each an array of rows of the same kind."""
        index = 0
        for chunk in chunks:
            rows = from_json(chunk)
            if index + len(rows) > self._max_rows:
                yield self._too_many()
                return
            yield from self._in_rows(rows, index)
            if chunk.count(b":") > sum(len(row) for row in rows if isinstance(row, dict)):
                yield from _duplicates_in_rows(_pairs(chunk), index)
            index += len(rows)

    def _in_body(self, body: Any) -> Iterator[FieldError]:
        if not isinstance(body, dict):
            yield FieldError(field="body", rule="must be an object")
        elif "instances" not in body:
            yield from self._in_object(body, "")
        else:
            for name in body:
                if name != "instances":
                    yield FieldError(field=safe_name(name), rule="cannot stand beside instances")
            yield from self._in_instances(body["instances"])

    def _in_instances(self, rows: Any) -> Iterator[FieldError]:
        if not isinstance(rows, list):
            yield FieldError(field="instances", rule="must be an array of rows")
        elif not rows:
            yield FieldError(field="instances", rule="must have at least one row")
        elif len(rows) > self._max_rows:
            yield self._too_many()
        else:
            yield from self._in_rows(rows)

    def _too_many(self) -> FieldError:
        return FieldError(field="instances", rule=f"must have at most {self._max_rows} rows")

    def _in_rows(self, rows: list[Any], first: int = 0) -> Iterator[FieldError]:
        objects, arrays = isinstance(rows[0], dict), isinstance(rows[0], list)
        if not objects and not arrays:
            yield FieldError(field="instances.0", rule="must be an object or an array")
            return
        for index, row in enumerate(rows, first):
            place = f"instances.{index}"
            if objects and isinstance(row, dict):
                yield from self._in_object(row, f"{place}.")
            elif arrays and isinstance(row, list):
                yield from self._in_array(row, place)
            else:
                noun = "an object" if objects else "an array"
                yield FieldError(field=place, rule=f"must be {noun}, as the first row is")

    def _in_object(self, row: dict[str, Any], prefix: str) -> Iterator[FieldError]:
        if row.keys() == self._features.keys() and self._object_row.isinstance_python(row):
            return
        known = 0
        for name, feature in self._features.items():
            if name in row:
                known += 1
                yield from self._in_value(row[name], feature, prefix)
            elif not feature.may_be_missing:
                yield FieldError(field=prefix + name, rule="is required")
        if known < len(row):
            for name in row:
                if name not in self._features:
                    field = prefix + safe_name(name)
                    yield FieldError(field=field, rule="is not a feature of this model")

    def _in_array(self, row: list[Any], place: str) -> Iterator[FieldError]:
        if len(row) != len(self._features):
            yield FieldError(field=place, rule=f"must have {len(self._features)} values")
        elif not self._array_row.isinstance_python(row):
            for value, feature in zip(row, self._features.values(), strict=True):
                yield from self._in_value(value, feature, f"{place}.")

    def _in_value(self, value: Any, feature: Feature, prefix: str) -> Iterator[FieldError]:
        if not self._values[feature.name].isinstance_python(value):
            yield FieldError(field=prefix + feature.name, rule=feature.rule)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with duplicate names."""

    def duplicates(self, prefix: str) -> Iterator[FieldError]:
        seen: set[str] = set()
        for name, _ in self:
            if name in seen:
                yield FieldError(field=prefix + safe_name(name), rule="is given twice")
            seen.add(name)


def _duplicates(body: bytes) -> Iterator[FieldError]:
    """Yield the duplicate names of a body without other errors."""
    pairs = _pairs(body)
    yield from pairs.duplicates("")
    for name, rows in pairs:
        if name == "instances" and isinstance(rows, list):
            yield from _duplicates_in_rows(rows)


def _duplicates_in_rows(rows: list[Any], first: int = 0) -> Iterator[FieldError]:
    for index, row in enumerate(rows, first):
        if isinstance(row, _Pairs):
            yield from row.duplicates(f"instances.{index}.")


def _pairs(text: bytes) -> Any:
    """Parse JSON text; its objects become `_Pairs`."""
    return json.loads(text, object_pairs_hook=_Pairs, parse_int=float)


def safe_name(name: str) -> str:
    """Return a client's name with printable characters only, at most 100 of them."""
    shown = "".join(char if char.isprintable() else "?" for char in name[:MAX_NAME_LENGTH])
    return shown + "…" * (len(name) > MAX_NAME_LENGTH)

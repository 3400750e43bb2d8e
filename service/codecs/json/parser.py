"""Parse and validate a JSON body once, in Rust: raw bytes to an array of rows.

The errors of a rejected body are found by a second, slower pass (`service.codecs.json.errors`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as core

from model.arrays import Array
from model.prediction.schema import Schema
from service.codecs.json.chunks import split_body
from service.codecs.json.core_schema import ABSENT, array_row, named_values, object_row
from service.codecs.json.errors import ErrorFinder
from service.codecs.json.limits import JsonLimits
from service.codecs.json.rows import RowReader
from service.problems import FieldError, Problem

SMALL_BODY_VALUES = 16 * 1024  # that are parsed and predicted in the event loop
# Limit of the values, present or absent, of a body of objects: 8 for each byte, and 100 000 more.
VALUES_PER_BYTE = 8
EXTRA_VALUES = 100_000
TOO_SPARSE = "must give more values, or have fewer rows"
NO_MISSING = np.empty((0, 2), dtype=np.intp)


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """The rows of a body.

    Attributes:
        values: `(B, F)` float64, NaN where missing.
        missing: `(N, 2)` int, row and column of each NaN, sorted.
        single: Whether the body was one object, so that the answer is one object.
    """

    values: Array
    missing: Array
    single: bool


class InstanceParser:
    """Parser of the JSON bodies of one model. Safe to use from many threads.

    A body is one object of features, or {"instances": […]} with objects or arrays.

    Args:
        schema: The model's schema.
        max_rows: Maximum number of rows.
    """

    def __init__(self, schema: Schema, max_rows: int) -> None:
        self._max_rows = max_rows
        self._features = len(schema.features)
        self._limits = JsonLimits(max_rows * (self._features + 1) + 2, max_rows + 2)
        self._error_finder = ErrorFinder(schema, max_rows, self._limits)
        self._reader = RowReader(schema)
        self._required = [not feature.may_be_missing for feature in schema.features]
        rows = core.union_schema(
            [
                core.list_schema(row, min_length=1, max_length=max_rows, fail_fast=True)
                for row in (object_row(schema), array_row(schema))
            ],
            mode="left_to_right",
        )
        instances = core.typed_dict_field(
            core.with_default_schema(rows, default=None), required=False
        )
        body = core.typed_dict_schema(
            {**named_values(schema), "instances": instances}, extra_behavior="ignore"
        )
        # A default instead of an error, which would copy the invalid value, perhaps the whole body.
        # The validator therefore raises an error for malformed JSON only.
        self._validator = SchemaValidator(
            core.with_default_schema(body, default=None, on_error="default")
        )

    def is_small(self, body: bytes) -> bool:
        """Return True if the rows of a body are few enough for the event loop."""
        return len(body) * self._features <= SMALL_BODY_VALUES or (
            max(body.count(b"["), body.count(b"{")) * self._features <= SMALL_BODY_VALUES
        )

    def parse(self, body: bytes) -> ParsedRows:
        """Return the rows of a body. Raises Problem (400 malformed, 422 invalid)."""
        self._require_dense(body)
        chunks = split_body(body)
        rows = self._parse_whole(body) if chunks is None else self._parse_chunks(chunks)
        if rows is not None:
            return rows
        try:
            errors = self._error_finder.errors(body, chunks)
        except ValueError as error:
            raise Problem(400, f"The body is malformed. Invalid JSON: {error}.") from None
        raise Problem.invalid(errors)

    def _require_dense(self, body: bytes) -> None:
        """Reject objects without nearly all of their features.

        Their array would have far more values than the body has bytes.

        Raises:
            Problem: The body has too many rows for its size (422).
        """
        if len(body) * self._features <= EXTRA_VALUES:
            return
        if body.count(b"{") > max_sparse_rows(len(body), self._features) + 1:
            raise Problem.invalid([FieldError(field="instances", rule=TOO_SPARSE)])

    def _parse_chunks(self, chunks: list[bytes]) -> ParsedRows | None:
        """Return the rows of all chunks; None if one breaks a rule."""
        blocks: list[Array] = []
        count = 0
        for chunk in chunks:
            # In valid rows the number of brackets is the number of rows, known before they take
            # memory.
            count += max(chunk.count(b"[") - 1, chunk.count(b"{"))
            if count > self._max_rows:
                return None
            block = self._reader.read(chunk)
            if block is None:
                return None
            blocks.append(block)
        values = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        missing = np.isnan(values)
        return ParsedRows(
            values, np.argwhere(missing) if missing.any() else NO_MISSING, single=False
        )

    def _parse_whole(self, body: bytes) -> ParsedRows | None:
        """Return the row of an object, or rows that `split_body` could not split.

        Returns:
            The rows; None if a rule is broken.

        Raises:
            Problem: The body is malformed (400) or exceeds a limit (422).
        """
        self._limits.require(body)
        try:
            fields: dict[str, Any] | None = self._validator.validate_json(body)
        except ValidationError as error:
            reason = error.errors(include_input=False, include_url=False)[0]["msg"]
            raise Problem(400, f"The body is malformed. {reason}.") from None
        if fields is None:
            return None
        # `fields` has known names only. The strings of a valid body are names and categories, and
        # none of these contains a colon. An unknown or duplicate name is therefore one colon too
        # many.
        pairs = body.count(b":")
        instances = fields.pop("instances")
        if instances is None:
            rows = [list(fields.values())]
            pairs -= len(fields)
        elif isinstance(instances[0], dict):
            rows = [list(row.values()) for row in instances]
            pairs -= 1 + len(rows) * len(self._required)
        else:
            rows = instances
            pairs -= 1
        missing: list[list[int]] = []
        for index, row in enumerate(rows):
            if _has_missing(row):
                pairs += row.count(ABSENT)
                missing += [[index, c] for c, x in enumerate(row) if x is None or x is ABSENT]
        if pairs or any(self._required[column] for _, column in missing):
            return None
        values = np.array(rows, dtype=np.float64)  # None becomes NaN
        positions = np.array(missing, dtype=np.intp) if missing else NO_MISSING
        return ParsedRows(values, positions, single=instances is None)


def max_sparse_rows(size: int, features: int) -> int:
    """Return the maximum number of objects in a body whose features are nearly all absent.

    Args:
        size: Size of the body, in bytes.
        features: Number of features of the model.
    """
    return (VALUES_PER_BYTE * size + EXTRA_VALUES) // features


def _has_missing(row: list[Any]) -> bool:
    """Return True if a value is None or ABSENT: the sum then fails or is NaN."""
    try:
        total = sum(row)
    except TypeError:
        return True
    return bool(total != total)

"""A request body, from raw bytes to an array of rows: parsed and validated once, in Rust.

What is wrong with a refused body is found by a second, slower look (`service.codecs.json.errors`).
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

FEW_NUMBERS = 16 * 1024  # to be checked and predicted while everybody else waits
# Of the rows that a body becomes it may give few numbers: so many a byte, and so many more.
NUMBERS_A_BYTE = 8
MORE_NUMBERS = 100_000
TOO_SPARSE = "must give more values, or have fewer rows"
NONE = np.empty((0, 2), dtype=np.intp)


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """What a body asks to predict.

    values: (B, features) float64, NaN where missing. missing: (N, 2) the row and column of each
    NaN, in order. single: one object came, so one object is answered.
    """

    values: Array
    missing: Array
    single: bool


class InstanceParser:
    """What a request body for one model may be. Built once, used from any thread.

    A body is one object of features, or {"instances": […]} of at most `max_rows` objects or arrays.
    """

    def __init__(self, schema: Schema, max_rows: int) -> None:
        self._max_rows = max_rows
        self._features = len(schema.features)
        self._bounds = JsonLimits(max_rows * (self._features + 1) + 2, max_rows + 2)
        self._inspector = ErrorFinder(schema, max_rows, self._bounds)
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
        # A default instead of an error: an error would copy what it complains about, perhaps all
        # of the body. So what this still raises is malformed JSON.
        self._validator = SchemaValidator(
            core.with_default_schema(body, default=None, on_error="default")
        )

    def is_small(self, body: bytes) -> bool:
        """Whether a body has so few rows that they need no thread of their own."""
        return len(body) * self._features <= FEW_NUMBERS or (
            max(body.count(b"["), body.count(b"{")) * self._features <= FEW_NUMBERS
        )

    def parse(self, body: bytes) -> ParsedRows:
        """The rows in a body. Raises Problem: 400 when it is no JSON, 422 when it breaks a rule."""
        self._require_dense(body)
        pieces = split_body(body)
        rows = self._one(body) if pieces is None else self._many(pieces)
        if rows is not None:
            return rows
        try:
            errors = self._inspector.errors(body, pieces)
        except ValueError as error:
            raise Problem(400, f"The body is malformed. Invalid JSON: {error}.") from None
        raise Problem.invalid(errors)

    def _require_dense(self, body: bytes) -> None:
        """Raise Problem (422) for objects that would become far more numbers than they have bytes,
        since nearly all of their features are absent.
        """
        if len(body) * self._features <= MORE_NUMBERS:
            return
        if body.count(b"{") > most_sparse_rows(len(body), self._features) + 1:
            raise Problem.invalid([FieldError(field="instances", rule=TOO_SPARSE)])

    def _many(self, pieces: list[bytes]) -> ParsedRows | None:
        """The rows of all pieces, or None when one breaks a rule."""
        blocks: list[Array] = []
        count = 0
        for piece in pieces:
            # Of good rows it is the number of brackets, and known before any of them takes memory.
            count += max(piece.count(b"[") - 1, piece.count(b"{"))
            if count > self._max_rows:
                return None
            block = self._reader.read(piece)
            if block is None:
                return None
            blocks.append(block)
        values = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        missing = np.isnan(values)
        return ParsedRows(values, np.argwhere(missing) if missing.any() else NONE, single=False)

    def _one(self, body: bytes) -> ParsedRows | None:
        """The row of an object, or the rows of an unusual spelling of many; None when a rule is
        broken. Raises Problem (400, 422).
        """
        self._bounds.require(body)
        try:
            fields: dict[str, Any] | None = self._validator.validate_json(body)
        except ValidationError as error:
            reason = error.errors(include_input=False, include_url=False)[0]["msg"]
            raise Problem(400, f"The body is malformed. {reason}.") from None
        if fields is None:
            return None
        # Only the names that were asked for are in `fields`. A valid body has no strings but names
        # and categories, and none of them holds a colon, so any other name, or one given twice,
        # shows as one colon too many.
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
            if _lacks_something(row):
                pairs += row.count(ABSENT)
                missing += [[index, c] for c, x in enumerate(row) if x is None or x is ABSENT]
        if pairs or any(self._required[column] for _, column in missing):
            return None
        values = np.array(rows, dtype=np.float64)  # None becomes NaN
        places = np.array(missing, dtype=np.intp) if missing else NONE
        return ParsedRows(values, places, single=instances is None)


def most_sparse_rows(size: int, features: int) -> int:
    """How many objects, nearly all of whose features are absent, a body of this size may hold."""
    return (NUMBERS_A_BYTE * size + MORE_NUMBERS) // features


def _lacks_something(row: list[Any]) -> bool:
    """Whether any value is None or ABSENT: then there is no sum, or it is no number."""
    try:
        total = sum(row)
    except TypeError:
        return True
    return bool(total != total)

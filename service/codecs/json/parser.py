"""Parser of JSON bodies: raw bytes to rows of numbers, with the errors of invalid rows."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import from_json

from model.arrays import Array
from model.prediction.row_tables import RowTables
from model.prediction.schema import Schema
from service.codecs.blocks import Block, join_blocks
from service.codecs.byte_order_mark import without_mark
from service.codecs.charge import Charge, uncharged
from service.codecs.integer_rows import WORK_BYTES
from service.codecs.json.chunks import split_body
from service.codecs.json.limits import JsonLimits, parsed_bytes, row_punctuation
from service.codecs.json.names import (
    COMPANIONS,
    INSTANCES,
    PARAMETERS,
    SIGNATURE_NAME,
)
from service.codecs.json.rows import RowDecoder
from service.problems import MAX_ERRORS, FieldError, Problem, safe_name

# Limit of the values, present or absent, of a body of objects: 8 for each byte, and 100 000 more.
VALUES_PER_BYTE = 8
EXTRA_VALUES = 100_000
MAX_ENCODED_BYTES = 4096  # of a body; more rows are encoded faster as an array
NO_VALUES = Block(np.empty((0, 0)), complete=True)  # the block of encoded rows
SIGNATURE = "serving_default"
TOO_SPARSE = "must give more values, or have fewer rows"


@dataclass(slots=True)
class ParsedRows:
    """The valid rows of a body.

    Attributes:
        block: The rows, all valid; without values if `encoded` has the rows.
        single: Whether the body was one object, so that the answer is one object.
        encoded: The rows for `Predictor.predict_encoded`, or None.
        in_order: The values of encoded rows as parsed, in the order of the features, for
            `RowTables.raw_values`.
        threshold: Field and value of the threshold that stands beside the rows, or None.
    """

    block: Block
    single: bool
    encoded: list[bytes] | None = None
    threshold: tuple[str, Any] | None = None
    in_order: Sequence[Sequence[object]] = ()

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.block.values if self.encoded is None else self.encoded)

    @property
    def values(self) -> Array:
        """The rows `(B, F)` float64, NaN where missing."""
        return self.block.values


class InstanceParser:
    """Parser of the JSON bodies of one model. Safe to use from many threads.

    A body is one object of features, or {"instances": […]} with objects or arrays. Beside the rows
    may be the parameters of the prediction, as Vertex AI and MLflow send them, and the only name of
    a signature.

    Args:
        schema: The model's schema.
        max_rows: Maximum number of rows.
        tables: Tables that encode rows of small values, for `encode`; None if there are none.

    Attributes:
        rows: The decoder of parsed rows.
    """

    def __init__(self, schema: Schema, max_rows: int, tables: RowTables | None = None) -> None:
        self._max_rows, self._tables = max_rows, tables
        self.rows = RowDecoder(schema)
        values = max_rows * (self.rows.features + 1) + 10  # with the parameters
        self._limits = JsonLimits(
            values, max_rows + 10, in_strings=max_rows * row_punctuation(schema)
        )

    def parse(self, body: bytes, charge: Charge = uncharged) -> ParsedRows:
        """Return the rows of a body.

        Args:
            body: The body, JSON text.
            charge: Called with the memory that parsing takes.

        Raises:
            Problem: The body is malformed (400) or invalid (422).
        """
        body = without_mark(body)
        chunks = split_body(body)
        block = None if chunks is None else self._parse_chunks(chunks, len(body), charge)
        if block is None:
            return self._parse_whole(body, charge)
        return ParsedRows(block, single=False)

    def encode(self, body: bytes) -> ParsedRows | None:
        """Return the encoded rows of a short body, in a fraction of the time of `parse`.

        Args:
            body: The body, JSON text.

        Returns:
            The rows; None if the body has an error, or a row that is not in the model's tables.
        """
        if self._tables is None or len(body) > MAX_ENCODED_BYTES:
            return None
        try:
            document = from_json(body, allow_inf_nan=False)
        except ValueError:
            return None
        if type(document) is not dict:
            return None
        single = INSTANCES not in document
        rows: list[Any] = [document] if single else document[INSTANCES]
        if type(rows) is not list or not 0 < len(rows) <= self._max_rows:
            return None
        pairs = 0 if single else 1
        if type(rows[0]) is dict:
            pairs += len(rows) * self.rows.features
            try:
                rows = [self.rows.in_order(row) for row in rows]
            except (KeyError, TypeError):  # an absent name, or a row that is no object
                return None
        elif not all(type(row) is list for row in rows):
            return None
        # With more colons than pairs, there may be further names (see `wrong_names`).
        if body.count(b":") > pairs:
            return None
        encoded = [inputs for row in rows if (inputs := self._tables.encode(row)) is not None]
        if len(encoded) < len(rows):
            return None
        return ParsedRows(NO_VALUES, single, encoded, None, rows)

    def _parse_chunks(self, chunks: Iterable[bytes], size: int, charge: Charge) -> Block | None:
        """Return the rows of all chunks; None if a chunk is not an array of rows of one kind.

        Args:
            chunks: JSON arrays of rows.
            size: Size of the body, in bytes.
            charge: Called with the memory of the rows, and of the chunk that takes most.

        Raises:
            Problem: Rows are invalid (422).
        """
        charged = 0

        def charge_chunk(size: int) -> None:
            nonlocal charged
            if size > charged:
                charge(size - charged)
                charged = size

        blocks: list[Block] = []
        errors: list[FieldError] = []
        count = 0
        for chunk in chunks:
            charge_chunk(WORK_BYTES * len(chunk))
            block = self.rows.decode_integers(chunk)
            if block is None:
                parsed = 3 * parsed_bytes(chunk)  # once, and again to find wrong names
                charge_chunk(parsed)
                try:
                    rows = read_json(chunk)
                except ValueError:
                    return None
                if type(rows[0]) not in (dict, list) or len(set(map(type, rows))) > 1:
                    return None
                self._require_few(count + len(rows), size)
                charge_chunk(parsed + self.rows.decode_bytes(len(rows)))
                block = self.rows.decode(rows, chunk, first_errors=True)
            self._require_few(count + len(block.values), size)
            charge(2 * block.values.nbytes)  # in a block, and joined
            errors += block.field_errors(INSTANCES, count)
            if len(errors) >= MAX_ERRORS:
                break
            blocks.append(block)
            count += len(block.values)
        if errors:
            raise Problem.invalid(errors)
        return join_blocks(blocks)

    def _parse_whole(self, body: bytes, charge: Charge) -> ParsedRows:
        """Return the row of an object, or rows that `split_body` could not split.

        Args:
            body: The body, JSON text.
            charge: Called with the memory that parsing takes.

        Raises:
            Problem: The body is malformed (400), exceeds a limit or is invalid (422).
        """
        charge(self._limits.require(body))
        try:
            document = read_json(body)
        except ValueError as error:
            raise Problem(400, f"The body is malformed. Invalid JSON: {error}.") from None
        if not isinstance(document, dict):
            raise _invalid("body", "must be an object")
        # A member that is null counts as absent, unless it is the only one.
        single = document.get(INSTANCES) is None and document.keys() != {INSTANCES}
        rows = [document] if single else self._rows_of(document, len(body))
        threshold, outer_pairs = (None, 0) if single else _parameters_of(document)
        charge(self.rows.decode_bytes(len(rows)))
        block = self.rows.decode(
            rows, body, outer_pairs=outer_pairs, first_errors=True, charge=charge
        )
        if block.errors:
            raise Problem.invalid(block.field_errors("" if single else INSTANCES))
        return ParsedRows(block, single, threshold=threshold)

    def _rows_of(self, document: dict[str, Any], size: int) -> list[Any]:
        """Return the rows of a body with `instances`, all of one kind. Raises Problem (422)."""
        for name, value in document.items():
            if name != INSTANCES and name not in COMPANIONS and value is not None:
                raise _invalid(safe_name(name), "cannot stand beside instances")
        rows = document[INSTANCES]
        if not isinstance(rows, list):
            raise _invalid(INSTANCES, "must be an array of rows")
        self._require_few(len(rows), size)
        kind: type = type(rows[0]) if rows else list
        if kind not in (dict, list):
            raise _invalid(f"{INSTANCES}.0", "must be an object or an array")
        rule = f"must be {'an object' if kind is dict else 'an array'}, as the first row is"
        places = (index for index, row in enumerate(rows) if type(row) is not kind)
        errors = [FieldError(field=f"{INSTANCES}.{index}", rule=rule) for index in places]
        if errors:
            raise Problem.invalid(errors)
        return rows

    def _require_few(self, rows: int, size: int) -> None:
        """Reject too many rows, and objects without nearly all of their features.

        The array of the latter would have far more values than the body has bytes.

        Args:
            rows: Number of rows.
            size: Size of the body, in bytes.

        Raises:
            Problem: There are too many rows, or too many for the size of the body (422).
        """
        if rows > max_sparse_rows(size, self.rows.features) + 1:
            raise _invalid(INSTANCES, TOO_SPARSE)
        if rows > self._max_rows:
            raise _invalid(INSTANCES, f"must have at most {self._max_rows} rows")


def _parameters_of(document: dict[str, Any]) -> tuple[tuple[str, Any] | None, int]:
    """Return field and value of the threshold beside `instances`, and the number of names there.

    Raises:
        Problem: Another parameter or signature is given (422).
    """
    if document.get(SIGNATURE_NAME) not in (None, SIGNATURE):
        raise _invalid(SIGNATURE_NAME, f"must be {SIGNATURE}, the only signature")
    threshold, names = None, len(document)
    for name in PARAMETERS:
        parameters = document.get(name)
        if parameters is None:
            continue
        if not isinstance(parameters, dict):
            raise _invalid(name, "must be an object")
        names += len(parameters)
        for each, value in parameters.items():
            if each != "threshold":
                rule = "is no parameter of predictions; the only one is threshold"
                raise _invalid(f"{name}.{safe_name(each)}", rule)
            if value is not None:
                threshold = f"{name}.threshold", value
    return threshold, names


def read_json(text: bytes) -> Any:
    """Parse JSON. NaN, which is neither JSON nor a missing value, becomes infinity.

    Raises:
        ValueError: The text is not JSON.
    """
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        from_json(text)  # with NaN and Infinity
        return json.loads(text, parse_constant=lambda _: math.inf, parse_int=float)


def max_sparse_rows(size: int, features: int) -> int:
    """Return the maximum number of objects in a body whose features are nearly all absent.

    Args:
        size: Size of the body, in bytes.
        features: Number of features of the model.
    """
    return (VALUES_PER_BYTE * size + EXTRA_VALUES) // features


def _invalid(field: str, rule: str) -> Problem:
    return Problem.invalid([FieldError(field=field, rule=rule)])

"""Codec of application/x-ndjson: one object or array per line. Blank lines are skipped."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic_core import from_json, to_json

from model.arrays import Array
from model.prediction.predictor import piece_rows
from model.prediction.schema import Schema
from service.codecs.imputation import add_imputed_fields
from service.codecs.json.parser import TOO_SPARSE, InstanceParser, max_sparse_rows
from service.codecs.tabular.blocks import ROW, Block, ScoredBlock
from service.codecs.tabular.line_buffer import LineBuffer
from service.problems import FieldError, Problem

BRACKETS = ((b"{", b"}"), (b"[", b"]"))
NO_ROW = FieldError(field=ROW, rule="must be a JSON object or array")


class NdjsonReader:
    """Parses an NDJSON body into blocks. Methods raise Problem (413) for a line that is too long.

    Args:
        schema: The model's schema.
        parser: A parser of as many instances as a block has.
    """

    def __init__(self, schema: Schema, parser: InstanceParser) -> None:
        self._features = len(schema.features)
        self._parser = parser
        self._lines = LineBuffer(universal=False)

    def feed(self, piece: bytes) -> Iterator[Block]:
        """Yield the rows that are complete."""
        yield from self._read(self._lines.feed(piece))

    def finish(self) -> Iterator[Block]:
        """Yield the last row, whose line may lack a newline."""
        yield from self._read(self._lines.finish())

    def _read(self, text: bytes) -> Iterator[Block]:
        lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
        if len(lines) > max_sparse_rows(len(text), self._features) + 1:
            raise Problem.invalid([FieldError(field="rows", rule=TOO_SPARSE)])
        rows = piece_rows(self._features)
        for start in range(0, len(lines), rows):
            block = lines[start : start + rows]
            values = self._parse_together(block)
            yield self._parse_separately(block) if values is None else Block(values)

    def _parse_together(self, lines: list[bytes]) -> Array | None:
        """Parse valid lines in one call, `(B, F)`; None if some may be invalid."""
        joined = b"\n".join(lines)
        if not any(_has_one_per_line(joined, len(lines), *pair) for pair in BRACKETS):
            return None
        try:
            return self._parser.parse(_instances(joined.replace(b"\n", b",\n"))).values
        except Problem:
            return None

    def _parse_separately(self, lines: list[bytes]) -> Block:
        """Parse lines one by one, and collect their errors."""
        values = np.full((len(lines), self._features), np.nan)
        errors: dict[int, list[FieldError]] = {}
        for place, line in enumerate(lines):
            try:
                if not isinstance(from_json(line), dict | list):
                    raise ValueError
                values[place] = self._parser.parse(_instances(line)).values[0]
            except ValueError:
                errors[place] = [NO_ROW]
            except Problem as problem:
                errors[place] = [_within_row(each) for each in problem.errors] or [NO_ROW]
        return Block(values, errors)


class NdjsonWriter:
    """Writes one answer per line, like those in `predictions` of JSON; the errors of invalid rows.

    Args:
        schema: The model's schema.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
    """

    def __init__(self, schema: Schema, threshold: float) -> None:
        self._schema, self._threshold = schema, threshold

    def begin(self) -> bytes:
        """Return no bytes."""
        return b""

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return a line for each row."""
        answers = row_answers(scored, self._schema, self._threshold)
        return b"\n".join(map(to_json, answers)) + b"\n"

    def end(self) -> bytes:
        """Return no bytes."""
        return b""


class JsonWriter:
    """Writes the predictions as one JSON document.

    Args:
        schema: Schema of the model.
        threshold: Decision threshold, from 0 to 1.
        metadata: Fields of the document beside `predictions`.
    """

    def __init__(self, schema: Schema, threshold: float, metadata: dict[str, Any]) -> None:
        self._schema, self._threshold, self._metadata = schema, threshold, metadata
        self._separator = b""

    def begin(self) -> bytes:
        """Return the beginning of the document."""
        return b'{"predictions":['

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return the predictions of a block."""
        answers = to_json(row_answers(scored, self._schema, self._threshold))
        separator, self._separator = self._separator, b","
        return separator + answers[1:-1]

    def end(self) -> bytes:
        """Return the end of the document."""
        return b"]," + to_json(self._metadata)[1:]


def row_answers(scored: ScoredBlock, schema: Schema, threshold: float) -> list[dict[str, Any]]:
    """Return the answer of each row: prediction and imputed features, or errors.

    Args:
        scored: The rows, B of them, with predictions.
        schema: The model's schema.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.

    Returns:
        B objects.
    """
    block = scored.block
    found = schema.target.answers(scored.predictions, threshold)
    answers: list[dict[str, Any]] = scored.with_gaps(found, None)
    for row, errors in block.errors.items():
        answers[row] = {"errors": errors}
    missing = np.isnan(block.values)
    if missing.any():
        missing[list(block.errors)] = False  # their values are undefined
        add_imputed_fields(answers, np.argwhere(missing), schema.names)
    return answers


def _has_one_per_line(joined: bytes, lines: int, opening: bytes, closing: bytes) -> bool:
    """Return True if each line has one pair of these brackets, at its ends."""
    return (
        joined.startswith(opening)
        and joined.count(opening) == joined.count(b"\n" + opening) + 1 == lines
        and joined.endswith(closing)
        and joined.count(closing) == joined.count(closing + b"\n") + 1 == lines
    )


def _instances(rows: bytes) -> bytes:
    return b'{"instances":[' + rows + b"]}"


def _within_row(error: FieldError) -> FieldError:
    """Convert an error of a body's only instance to an error of a row."""
    name = error["field"].removeprefix("instances.0").removeprefix(".")
    return FieldError(field=name or ROW, rule=error["rule"])

"""application/x-ndjson: an instance a line, an object or an array; blank lines are none."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic_core import from_json, to_json

from model.arrays import Array
from model.prediction.predictor import piece_rows
from model.prediction.schema import Schema
from service.codecs.imputation import add_imputed_fields
from service.codecs.json.parser import TOO_SPARSE, InstanceParser, most_sparse_rows
from service.codecs.tabular.blocks import ROW, Block, ScoredBlock
from service.codecs.tabular.line_buffer import LineBuffer
from service.problems import FieldError, Problem

BRACKETS = ((b"{", b"}"), (b"[", b"]"))
NO_ROW = FieldError(field=ROW, rule="must be an object or an array, in JSON")


class NdjsonReader:
    """Makes blocks of an NDJSON body. Raises Problem (413) for lines that are too long.

    contract: for as many instances as a block has.
    """

    def __init__(self, schema: Schema, contract: InstanceParser) -> None:
        self._features = len(schema.features)
        self._contract = contract
        self._lines = LineBuffer(universal=False)

    def feed(self, piece: bytes) -> Iterator[Block]:
        """The rows that are whole now."""
        yield from self._read(self._lines.feed(piece))

    def finish(self) -> Iterator[Block]:
        """The last row, whose line need not end."""
        yield from self._read(self._lines.finish())

    def _read(self, text: bytes) -> Iterator[Block]:
        lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
        if len(lines) > most_sparse_rows(len(text), self._features) + 1:
            raise Problem.invalid([FieldError(field="rows", rule=TOO_SPARSE)])
        rows = piece_rows(self._features)
        for start in range(0, len(lines), rows):
            some = lines[start : start + rows]
            values = self._all_of(some)
            yield self._each_of(some) if values is None else Block(values)

    def _all_of(self, lines: list[bytes]) -> Array | None:
        """The rows (B, F) of lines that are good, all in one look; None where some may not be."""
        joined = b"\n".join(lines)
        if not any(_is_one_a_line(joined, len(lines), *pair) for pair in BRACKETS):
            return None
        try:
            return self._contract.parse(_instances(joined.replace(b"\n", b",\n"))).values
        except Problem:
            return None

    def _each_of(self, lines: list[bytes]) -> Block:
        """The same of any lines, one by one."""
        values = np.full((len(lines), self._features), np.nan)
        errors: dict[int, list[FieldError]] = {}
        for place, line in enumerate(lines):
            try:
                if not isinstance(from_json(line), dict | list):
                    raise ValueError
                values[place] = self._contract.parse(_instances(line)).values[0]
            except ValueError:
                errors[place] = [NO_ROW]
            except Problem as problem:
                errors[place] = [_within_row(each) for each in problem.errors] or [NO_ROW]
        return Block(values, errors)


class NdjsonWriter:
    """An answer a line, as JSON's `predictions` have them; of a bad row its errors."""

    def __init__(self, schema: Schema, threshold: float) -> None:
        self._schema, self._threshold = schema, threshold

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, scored: ScoredBlock) -> bytes:
        """A line each."""
        answers = row_answers(scored, self._schema, self._threshold)
        return b"\n".join(map(to_json, answers)) + b"\n"

    def end(self) -> bytes:
        """Nothing."""
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
        """The beginning of the document."""
        return b'{"predictions":['

    def rows(self, scored: ScoredBlock) -> bytes:
        """The next predictions."""
        answers = to_json(row_answers(scored, self._schema, self._threshold))
        separator, self._separator = self._separator, b","
        return separator + answers[1:-1]

    def end(self) -> bytes:
        """The end of the document."""
        return b"]," + to_json(self._metadata)[1:]


def row_answers(scored: ScoredBlock, schema: Schema, threshold: float) -> list[dict[str, Any]]:
    """What is answered of each row (B): the target's answer and what was imputed, or errors."""
    block = scored.block
    found = schema.target.answers(scored.predictions, threshold)
    answers: list[dict[str, Any]] = scored.with_gaps(found, None)
    for row, errors in block.errors.items():
        answers[row] = {"errors": errors}
    missing = np.isnan(block.values)
    if missing.any():
        missing[list(block.errors)] = False  # NaN means nothing there
        add_imputed_fields(answers, np.argwhere(missing), schema.names)
    return answers


def _is_one_a_line(joined: bytes, lines: int, opening: bytes, closing: bytes) -> bool:
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
    """An error of the only instance of a body, as one of a row."""
    name = error["field"].removeprefix("instances.0").removeprefix(".")
    return FieldError(field=name or ROW, rule=error["rule"])

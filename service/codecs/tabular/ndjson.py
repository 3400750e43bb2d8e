"""Codec of application/x-ndjson: one object or array per line. Blank lines are skipped."""

from collections.abc import Iterator

import numpy as np

from model.prediction.predictor import piece_rows
from service.codecs.answer_facts import AnswerFacts
from service.codecs.blocks import ROW, Block, ScoredBlock, join_blocks
from service.codecs.charge import Charge, uncharged
from service.codecs.extra import Extra, SimilarNames
from service.codecs.json.limits import parsed_bytes
from service.codecs.json.parser import TOO_SPARSE, max_sparse_rows, read_json
from service.codecs.json.rows import RowDecoder
from service.codecs.predictions import PredictionEncoder
from service.codecs.tabular.line_buffer import LineBuffer, text_bytes
from service.problems import FieldError, Problem

BRACKETS = ((b"{", b"}"), (b"[", b"]"))
NO_ROW = FieldError(field=ROW, rule="must be a JSON object or array")


class NdjsonReader:
    """Parses an NDJSON body into blocks. Methods raise Problem (413) for a line that is too long.

    Args:
        rows: The decoder of parsed rows.
    """

    missing_bytes = 0

    def __init__(self, rows: RowDecoder) -> None:
        self._rows = rows
        self._lines = LineBuffer(universal=False)
        self._similar = SimilarNames(rows.rules.schema)

    @property
    def held_bytes(self) -> int:
        """Memory of an incomplete row."""
        return self._lines.held_bytes

    def feed(self, piece: bytes, charge: Charge = uncharged) -> Iterator[Block]:
        """Yield the rows that are complete.

        Args:
            piece: The next bytes of the body.
            charge: Called with the memory that parsing takes.
        """
        text = self._lines.feed(piece)
        charge(text_bytes(text, self._rows.features) + 3 * parsed_bytes(text))
        yield from self._read(text)

    def finish(self) -> Iterator[Block]:
        """Yield the last row, whose line may lack a newline."""
        yield from self._read(self._lines.finish())

    def _read(self, text: bytes) -> Iterator[Block]:
        lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
        if len(lines) > max_sparse_rows(len(text), self._rows.features) + 1:
            raise Problem.invalid([FieldError(field="rows", rule=TOO_SPARSE)])
        size = piece_rows(self._rows.features)
        for start in range(0, len(lines), size):
            yield self._block(lines[start : start + size])

    def _block(self, lines: list[bytes]) -> Block:
        """Parse lines in one call if each is one object, or each is one array."""
        joined = b"\n".join(lines)
        if any(_has_one_per_line(joined, len(lines), *pair) for pair in BRACKETS):
            text = b"[%b]" % joined.replace(b"\n", b",\n")
            block = self._rows.decode_integers(text)
            if block is not None:
                return block
            try:
                return self._rows.decode(read_json(text), text, similar=self._similar)
            except ValueError:
                pass
        return join_blocks([self._line(line) for line in lines])

    def _line(self, line: bytes) -> Block:
        try:
            row = read_json(line)
        except ValueError:
            row = None
        if isinstance(row, dict | list):
            return self._rows.decode([row], line, similar=self._similar)
        return Block(np.full((1, self._rows.features), np.nan), {0: [NO_ROW]})


class NdjsonWriter:
    """Writes one answer per line, the same as the JSON answer to one row.

    The line of an invalid row has its errors instead of a prediction.

    Args:
        encoder: The encoder of rows.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        facts: Facts of the answer.
    """

    def __init__(self, encoder: PredictionEncoder, threshold: float, facts: AnswerFacts) -> None:
        self._encoder, self._threshold, self._end = encoder, threshold, facts.end
        self.taken, self.columns, self.headers = {*encoder.names, *facts.fields}, None, ()

    def begin(self, _extra: Extra | None) -> bytes:
        """Return no bytes."""
        return b""

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return a line for each row."""
        return self._encoder.json(scored, self._threshold, b"\n", self._end) + b"\n"

    def end(self) -> bytes:
        """Return no bytes."""
        return b""


def _has_one_per_line(joined: bytes, lines: int, opening: bytes, closing: bytes) -> bool:
    """Return True if each line has one pair of these brackets, at its ends."""
    return (
        joined.startswith(opening)
        and joined.count(opening) == joined.count(b"\n" + opening) + 1 == lines
        and joined.endswith(closing)
        and joined.count(closing) == joined.count(closing + b"\n") + 1 == lines
    )

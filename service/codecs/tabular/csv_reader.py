"""Reader of text/csv: a header row of feature names in any order, then one row per line.

`Feature.parse` parses a cell. Rows are those that `malignancy predict` accepts: blank lines and a
byte order mark are skipped, cells may be quoted.
"""

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain
from typing import TypeVar

import numpy as np

from model.arrays import Array
from model.prediction.predictor import PIECE_NUMBERS
from model.prediction.schema import Schema, parse_number
from service.codecs.blocks import ROW, Block, TableRules
from service.codecs.charge import Charge, uncharged
from service.codecs.integer_rows import read_integer_lines
from service.codecs.tabular.columns import CACHED_CELL_BYTES, CellCache, require_columns
from service.codecs.tabular.line_buffer import (
    LineBuffer,
    check_line_length,
    decode_lines,
    text_bytes,
)
from service.problems import FieldError, Problem

T = TypeVar("T")

MAX_COLUMNS = 10_000
LONG_TEXT_BYTES = 4096
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MALFORMED = "The body is malformed: a quoted cell is not closed, or continues after its quotes."

# Closed cells, each with its comma or newline. A quote is an ordinary character in a cell that does
# not begin with one.
CLOSED_CELLS = re.compile(r'(?:(?:"(?:[^"]++|"")*+"[^,\n]*+|[^",\n][^,\n]*+)?+[,\n])*+')


class CsvReader:
    """Parses a CSV body into blocks.

    Args:
        rules: The model's rules.

    Raises:
        Problem: 400 for malformed CSV, 413 for a line that is too long, 422 for a header that does
            not fit the schema. Raised by `feed` and `finish`.
    """

    missing_bytes = 0

    def __init__(self, rules: TableRules) -> None:
        self._schema, self._rules = rules.schema, rules
        self._lines = LineBuffer(universal=True)
        self._started = False
        self._columns: _Columns | None = None
        self._open = ""  # the beginning of a row that continues on the next line

    @property
    def held_bytes(self) -> int:
        """Memory of an incomplete row, and of cached cells."""
        cached = self._columns.cached_bytes if self._columns is not None else 0
        return self._lines.held_bytes + 4 * len(self._open) + cached

    def feed(self, piece: bytes, charge: Charge = uncharged) -> Iterator[Block]:
        """Yield the rows that are complete.

        Args:
            piece: The next bytes of the body.
            charge: Called with the memory that parsing takes.
        """
        lines = self._lines.feed(piece)
        charge(text_bytes(lines, len(self._schema.features)))
        yield from self._read(lines)

    def finish(self) -> Iterator[Block]:
        """Yield the last row, whose line may lack a newline."""
        yield from self._read(self._lines.finish())
        if self._open:
            raise Problem(400, MALFORMED)
        if self._columns is None:
            raise Problem.invalid([FieldError(field="header", rule="is required")])

    def _read(self, lines: bytes) -> Iterator[Block]:
        if not lines:
            return
        if not self._started:
            lines = lines.removeprefix(BYTE_ORDER_MARK)
            self._started = True
        is_long = len(lines) > LONG_TEXT_BYTES and not self._open and b'"' not in lines
        if self._columns is None and is_long:  # only the header is read slowly
            header, _, lines = lines.lstrip(b"\n").partition(b"\n")
            yield from self._read_slowly(decode_lines(header + b"\n"))
        if self._columns is None or self._open or b'"' in lines:
            yield from self._read_slowly(decode_lines(lines))
            return
        if b"\n\n" in lines or lines.startswith(b"\n"):
            lines = re.sub(rb"\n\n+", b"\n", lines.lstrip(b"\n"))
        if not lines:
            return
        integers = self._columns.integers(lines)
        if integers is not None:
            yield self._rules.check(integers)
        elif self._columns.have_full_rows(lines):
            cells = decode_lines(lines)[:-1].replace("\n", ",").split(",")
            for block in self._in_blocks(cells, self._columns.width):
                yield self._rules.check(self._columns.numbers(block))
        else:
            yield from self._read_slowly(decode_lines(lines))

    def _read_slowly(self, text: str) -> Iterator[Block]:
        """Parse any text: with quotes, a header, or rows of the wrong length."""
        text = self._open + text
        closed = CLOSED_CELLS.match(text)
        assert closed is not None  # the match may be empty
        end = text.rfind("\n", 0, closed.end()) + 1
        self._open = text[end:]
        check_line_length(len(self._open.encode()), "A row")
        try:
            rows = list(filter(None, csv.reader(io.StringIO(text[:end], "\n"), strict=True)))
        except csv.Error:
            raise Problem(400, MALFORMED) from None
        if rows and self._columns is None:
            self._columns = _Columns(rows.pop(0), self._schema)
        if rows and self._columns is not None:
            width = self._columns.width
            for block in self._in_blocks(rows, 1):
                errors: dict[int, list[FieldError]] = {}
                for place, row in enumerate(block):
                    if len(row) != width:
                        errors[place] = [FieldError(field=ROW, rule=f"must have {width} cells")]
                        block[place] = [""] * width
                values = self._columns.numbers(list(chain.from_iterable(block)))
                yield self._rules.check(values, errors)

    def _in_blocks(self, cells: list[T], width: int) -> Iterator[list[T]]:
        """Split the cells of rows of `width` cells so that each block's array stays small.

        The array has a column for each feature, and a table may have only a few of them.
        """
        size = width * max(1, PIECE_NUMBERS // len(self._schema.features))
        for start in range(0, len(cells), size):
            yield cells[start : start + size]


class _Columns:
    """The features of a table's columns. Raises Problem (422) if a header does not fit."""

    def __init__(self, header: list[str], schema: Schema) -> None:
        names = [cell.strip() for cell in header]
        if len(names) > MAX_COLUMNS:
            rule = f"must have at most {MAX_COLUMNS} columns"
            raise Problem.invalid([FieldError(field="header", rule=rule)])
        require_columns(names, schema)
        self.width = len(names)
        self._features = len(schema.features)
        place_of = {name: place for place, name in enumerate(schema.names)}
        self._places = [place_of[name] for name in names]
        self._order = np.argsort(self._places)
        self._any = CellCache(parse_number)
        self._named = {
            column: CellCache(schema.features[place].parse)
            for column, place in enumerate(self._places)
            if schema.features[place].type in ("category", "boolean")
        }

    @property
    def cached_bytes(self) -> int:
        """Upper limit of the memory of cached cells."""
        cells = len(self._any) + sum(map(len, self._named.values()))
        return cells * CACHED_CELL_BYTES

    def integers(self, lines: bytes) -> Array | None:
        """Return the numbers `(B, F)` of lines with all features and small integers only."""
        if self._named or self.width < self._features:
            return None
        values = read_integer_lines(lines, self.width)
        return None if values is None else values[:, self._order]

    def have_full_rows(self, lines: bytes) -> bool:
        """Return True if each line, without quotes, has a cell for each column."""
        bytes_ = np.frombuffer(lines, np.uint8)
        ends = bytes_[(bytes_ == ord(",")) | (bytes_ == ord("\n"))] == ord("\n")
        if len(ends) % self.width:
            return False
        rows = ends.reshape(-1, self.width)
        return bool(rows[:, -1].all()) and np.count_nonzero(ends) == len(rows)

    def numbers(self, cells: list[str]) -> Array:
        """Return the numbers `(B, F)` of cells in row order; infinity for an invalid cell.

        `TableRules` checks ranges and integers afterwards.
        """
        width = self.width
        if self._named:
            columns = [
                self._named[place].of(column) if place in self._named else self._numbers(column)
                for place, column in enumerate(cells[place::width] for place in range(width))
            ]
            values = np.column_stack(columns)
        else:
            values = self._numbers(cells).reshape(-1, width)
        placed = np.full((len(values), self._features), np.nan)
        placed[:, self._places] = values
        return placed

    def _numbers(self, cells: list[str]) -> Array:
        if not self._any.is_full:
            return self._any.of(cells)
        # With many distinct cells, `float` is faster than a full cache, but it accepts "_" in a
        # number and "nan".
        missing = cells.count("")
        present = ["nan" if cell == "" else cell for cell in cells] if missing else cells
        if "_" not in "".join(cells):
            try:
                numbers = np.fromiter(map(float, present), float, len(cells))
            except ValueError:
                return self._any.of(cells)
            if np.count_nonzero(np.isnan(numbers)) == missing:
                return numbers
        return self._any.of(cells)

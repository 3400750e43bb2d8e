"""Reader of CSV: a header row of column names in any order, then one row per line.

`CellParser` parses a cell. Rows are those that `malignancy predict` accepts: blank lines and a
byte order mark are skipped, cells may be quoted, and the header decides on the delimiter.
"""

import csv
import io
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import TypeVar

import numpy as np

from model.arrays import Array
from model.prediction.delimiters import DELIMITERS, find_delimiter
from model.prediction.predictor import PIECE_NUMBERS
from service.codecs.blocks import NO_ERRORS, ROW, Block, RowErrors, TableRules
from service.codecs.charge import Charge, uncharged
from service.codecs.extra import TextColumns
from service.codecs.integer_rows import read_integer_lines
from service.codecs.tabular.columns import CACHED_CELL_BYTES, CellCache, read_header
from service.codecs.tabular.line_buffer import (
    LineBuffer,
    check_line_length,
    decode_lines,
    text_bytes,
)
from service.problems import FieldError, Problem

T = TypeVar("T")

LONG_TEXT_BYTES = 4096
EMPTY = frozenset({""})
MALFORMED = "The body is malformed: a quoted cell is not closed, or continues after its quotes."

# The line on which the first cell of a header ends, and what precedes it.
FIRST_CELL_LINE = re.compile(r'(?:"(?:[^"]++|"")*+"|(?!"))[^\n]*+\n')
# Complete rows. A quote is an ordinary character in a cell that does not begin with one.
_CELL = r'(?:"(?:[^"]++|"")*+"[^,\n]*+|[^",\n][^,\n]*+)?+'
COMPLETE_ROWS = {
    each: re.compile(rf"(?:(?:{_CELL}[,])*+{_CELL}\n)*+".replace(",", each)) for each in DELIMITERS
}


class CsvReader:
    """Parses a CSV body into blocks.

    Args:
        rules: The model's rules.
        delimiter: The delimiter; None to find it by the header, a comma without one.
        has_header: False if the first line is a row, with the features in the schema's order.

    Raises:
        Problem: 400 for malformed CSV, 413 for a line that is too long, 422 for a header that does
            not fit the schema. Raised by `feed` and `finish`.
    """

    missing_bytes = 0

    def __init__(
        self, rules: TableRules, delimiter: str | None = None, *, has_header: bool = True
    ) -> None:
        self._schema, self._rules = rules.schema, rules
        self._lines = LineBuffer(universal=True)
        self._delimiter = delimiter
        self._columns: _Columns | None = None
        if not has_header:
            self._delimiter = delimiter or ","
            self._columns = _Columns(list(rules.schema.names), rules)
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
        if self._columns is None and not self._open:
            lines = lines.lstrip(b"\n")
        if not lines:
            return
        if self._delimiter is None:
            is_quoted = bool(self._open) or lines.startswith(b'"')
            start = lines if is_quoted else lines[: lines.index(b"\n") + 1]
            text = self._open + decode_lines(start)
            first = FIRST_CELL_LINE.match(text)
            if first is None:  # its first name continues on the next line
                self._open = text
                check_line_length(len(text.encode()), "A row")
                return
            self._delimiter = find_delimiter(first.group(), self._rules.columns)
        is_long = len(lines) > LONG_TEXT_BYTES and not self._open and b'"' not in lines
        if self._columns is None and is_long:  # only the header is read slowly
            header, _, lines = lines.partition(b"\n")
            yield from self._read_slowly(decode_lines(header + b"\n"))
        is_plain = b'"' not in lines and (self._delimiter == "," or b"," not in lines)
        if self._columns is None or self._open or not is_plain:
            yield from self._read_slowly(decode_lines(lines))
            return
        if b"\n\n" in lines or lines.startswith(b"\n"):
            lines = re.sub(rb"\n\n+", b"\n", lines.lstrip(b"\n"))
        if not lines:
            return
        commas = lines
        if self._delimiter != ",":
            commas = lines.replace(self._delimiter.encode(), b",")
        integers = self._columns.integers(commas)
        if integers is not None:
            yield self._rules.check(integers, in_cells=True)
        elif self._columns.have_full_rows(commas):
            cells = decode_lines(commas)[:-1].replace("\n", ",").split(",")
            for block in self._in_blocks(cells, self._columns.width):
                yield self._checked(block)
        else:
            yield from self._read_slowly(decode_lines(lines))

    def _read_slowly(self, text: str) -> Iterator[Block]:
        """Parse any text: with quotes, a header, or rows of the wrong length."""
        text = self._open + text
        assert self._delimiter is not None
        complete = COMPLETE_ROWS[self._delimiter].match(text)
        assert complete is not None  # the match may be empty
        end = complete.end()
        self._open = text[end:]
        check_line_length(len(self._open.encode()), "A row")
        try:
            rows = list(
                filter(
                    None,
                    csv.reader(
                        io.StringIO(text[:end], "\n"), delimiter=self._delimiter, strict=True
                    ),
                )
            )
        except csv.Error:
            raise Problem(400, MALFORMED) from None
        if rows and self._columns is None:
            self._columns = _Columns(rows.pop(0), self._rules)
            if self._columns.extra_names:
                no_rows = np.empty((0, len(self._schema.features)))
                yield Block(no_rows, extra=self._columns.extra_cells([]))
        if rows and self._columns is not None:
            width = self._columns.width
            for block in self._in_blocks(rows, 1):
                errors: dict[int, list[FieldError]] = {}
                for place, row in enumerate(block):
                    if len(row) != width:
                        errors[place] = [FieldError(field=ROW, rule=f"must have {width} cells")]
                        block[place] = [""] * width
                yield self._checked(list(chain.from_iterable(block)), errors)

    def _checked(self, cells: list[str], errors: RowErrors = NO_ERRORS) -> Block:
        """Return the block of cells in row order.

        Args:
            cells: The cells.
            errors: Errors that are known already; their rows are not checked.
        """
        assert self._columns is not None
        block = self._rules.check(self._columns.numbers(cells), errors, in_cells=True)
        if self._columns.extra_names:
            block.extra = self._columns.extra_cells(cells)
        if block.errors:
            self._columns.explain_marks(block, cells)
        return block

    def _in_blocks(self, cells: list[T], width: int) -> Iterator[list[T]]:
        """Split the cells of rows of `width` cells so that each block's array stays small.

        The array has a column for each feature, and a table may have only a few of them.
        """
        size = width * max(1, PIECE_NUMBERS // len(self._schema.features))
        for start in range(0, len(cells), size):
            yield cells[start : start + size]


class _Columns:
    """The features of a table's columns. Raises Problem (422) if a header does not fit."""

    def __init__(self, header: list[str], rules: TableRules) -> None:
        names = read_header([cell.strip() for cell in header], rules)
        self.width = len(names)
        self._features = len(rules.schema.features)
        self._columns = {name: column for column, name in enumerate(names) if name in rules.places}
        self._places = [rules.places[name] for name in self._columns]
        self._parsers = {
            column: rules.parsers[rules.places[name]] for name, column in self._columns.items()
        }
        self._extra = [column for column, name in enumerate(names) if name not in rules.places]
        self.extra_names = tuple(names[column] for column in self._extra)
        self._number = rules.number_parser
        self._any = CellCache(self._number)
        self._named = {
            column: CellCache(parser)
            for column, parser in self._parsers.items()
            if not parser.is_number
        }

    @cached_property
    def _order(self) -> Array:
        """The columns in the order of the features."""
        return np.argsort(self._places)

    @property
    def cached_bytes(self) -> int:
        """Upper limit of the memory of cached cells."""
        cells = len(self._any) + sum(map(len, self._named.values()))
        return cells * CACHED_CELL_BYTES

    def integers(self, lines: bytes) -> Array | None:
        """Return the numbers `(B, F)` of lines of all features and small integers only."""
        if self._named or self.extra_names or self.width < self._features:
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
        placed = np.full((len(cells) // width, self._features), np.nan)
        if not self._named and not self.extra_names:
            placed[:, self._places] = self._numbers(cells).reshape(-1, width)
            return placed
        for place, column in zip(self._places, self._parsers, strict=True):
            one = cells[column::width]
            placed[:, place] = (
                self._named[column].of(one) if column in self._named else self._numbers(one)
            )
        return placed

    def extra_cells(self, cells: list[str]) -> TextColumns:
        """Return the extra columns of cells in row order."""
        columns = [cells[column :: self.width] for column in self._extra]
        return TextColumns.of(self.extra_names, columns)

    def explain_marks(self, block: Block, cells: list[str]) -> None:
        """Make the errors of cells with the other decimal mark say which one a number has.

        Args:
            block: The block; its errors are replaced.
            cells: Its cells in row order.
        """
        mark = self._number.other_mark
        if mark not in "".join(cells):
            return
        known: dict[str, FieldError] = {}  # rows share errors

        def explained(row: int, error: FieldError) -> FieldError:
            column = self._columns.get(error["field"])
            if column is None or mark not in (cell := cells[row * self.width + column]):
                return error
            rule = self._parsers[column].broken_rule(cell)
            return known.setdefault(error["field"], FieldError(field=error["field"], rule=rule))

        block.errors = {
            row: [explained(row, error) for error in errors] for row, errors in block.errors.items()
        }

    def _numbers(self, cells: list[str]) -> Array:
        # With many distinct cells, `float` is faster than a full cache, but it accepts "_" in a
        # number and other spellings of "nan", and has a decimal point.
        is_plain = self._any.is_full and self._number.decimal != ","
        if is_plain and "_" not in "".join(cells):
            for missing in (EMPTY, self._number.missing):
                present = ["nan" if cell in missing else cell for cell in cells]
                try:
                    numbers = np.fromiter(map(float, present), float, len(cells))
                except ValueError:
                    continue
                is_plain = np.count_nonzero(np.isnan(numbers)) == present.count("nan")
                if is_plain and not np.isinf(numbers).any():  # "inf" may spell a missing value
                    return numbers
        return self._any.of(cells)

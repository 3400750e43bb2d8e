"""Blocks of rows, the common form of all table formats, and the interfaces of their codecs.

Shapes: B rows, F features, G valid rows.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from model.arrays import Array
from model.prediction.cells import cell_parsers
from model.prediction.names import KnownNames
from model.prediction.predictor import piece_rows
from model.prediction.schema import Schema
from model.prediction.schema_rules import SchemaRules
from service.codecs.charge import Charge, uncharged
from service.codecs.extra import Extra
from service.problems import MAX_ERRORS, FieldError

RowErrors = Mapping[int, list[FieldError]]
NO_ERRORS: RowErrors = MappingProxyType({})
ERROR_ROW_BYTES, ERROR_BYTES = 250, 400  # memory of an invalid row, and of each of its errors
MAX_HELD_EXTRA_BYTES = 4 * 1024 * 1024  # of extra columns that wait for more rows
ROW = ""  # the field of an error that concerns the whole row; no feature has this name


@dataclass(slots=True)  # created in half the time of a frozen one
class Block:
    """Rows, and the errors of the invalid ones.

    Attributes:
        values: `(B, F)` float64, columns in the order of the schema, NaN where missing; undefined
            for invalid rows.
        errors: Up to 10 errors for each invalid row, by its index in the block.
        complete: Whether it is known that all values are present, known and in range.
        extra: Columns that are no features; None if there are none.
    """

    values: Array
    errors: RowErrors = field(default_factory=dict)
    complete: bool = False
    extra: Extra | None = None

    @property
    def extra_bytes(self) -> int:
        """Upper limit of the memory of the extra columns."""
        return 0 if self.extra is None else self.extra.memory_bytes

    @property
    def memory_bytes(self) -> int:
        """Upper limit of the memory of the rows, their errors and extra columns."""
        errors = {id(each) for found in self.errors.values() for each in found}  # rows share them
        rows = self.values.nbytes + self.extra_bytes
        return rows + ERROR_ROW_BYTES * len(self.errors) + ERROR_BYTES * len(errors)

    def part(self, start: int, end: int) -> "Block":
        """Return consecutive rows, as a view.

        Args:
            start: Index of the first row.
            end: Index after the last row.
        """
        errors = {row - start: found for row, found in self.errors.items() if start <= row < end}
        extra = None if self.extra is None else self.extra.part(start, end)
        return Block(self.values[start:end], errors, self.complete, extra)

    def answer_errors(self) -> Iterator[tuple[int, list[FieldError]]]:
        """Yield the index of each invalid row, and its errors as an answer has them."""
        for row, errors in self.errors.items():
            yield (
                row,
                [FieldError(field=each["field"] or "row", rule=each["rule"]) for each in errors],
            )

    def field_errors(self, prefix: str, start: int = 0) -> Iterator[FieldError]:
        """Yield the first errors as fields of the whole body.

        Args:
            prefix: Name of the rows, put before the number of a row; "" for an only row.
            start: Number of the block's first row.
        """
        found = ((row, error) for row, errors in self.errors.items() for error in errors)
        for row, error in islice(found, MAX_ERRORS):
            place = [f"{prefix}.{start + row}"] if prefix else []
            place += [] if error["field"] == ROW else [error["field"]]
            yield FieldError(field=".".join(place) or "body", rule=error["rule"])


@dataclass(slots=True)
class ScoredBlock:
    """A block with predictions.

    Attributes:
        block: The rows.
        predictions: `(G, outputs)` float64, of the valid rows in order.
        good: `(B,)` bool, the valid rows; None if all rows are valid.
    """

    block: Block
    predictions: Array
    good: Array | None

    def with_gaps(self, values: list[Any], other: Any) -> list[Any]:
        """Spread values of valid rows over all rows.

        Args:
            values: G values, one for each valid row.
            other: The value of invalid rows.

        Returns:
            B values.
        """
        if self.good is None:
            return values
        remaining = iter(values)
        return [next(remaining) if good else other for good in self.good.tolist()]


class TableReader(Protocol):
    """Parses a body chunk by chunk. Methods raise Problem for a malformed body.

    The first block has the extra columns of the table, even if it has no rows.

    Attributes:
        held_bytes: Memory that the reader has between two chunks.
        missing_bytes: Bytes that are missing at least until a row is complete; 0 if unknown.
    """

    @property
    def held_bytes(self) -> int: ...

    @property
    def missing_bytes(self) -> int: ...

    def feed(self, piece: bytes, charge: Charge = uncharged) -> Iterable[Block]:
        """Return the rows that are complete.

        Args:
            piece: The next bytes of the body.
            charge: Called with the memory that parsing takes.
        """

    def finish(self) -> Iterable[Block]:
        """Return the remaining rows at the end of the body."""


class TableWriter(Protocol):
    """Encodes an answer block by block.

    Attributes:
        taken: Names that the answer uses, and that extra columns cannot have.
        columns: Names of the extra columns of the answer; None if each row has different names.
        headers: Headers of the response, for facts that the format has no place for.
    """

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...

    @property
    def taken(self) -> Collection[str]: ...

    @property
    def columns(self) -> Sequence[str] | None: ...

    def begin(self, extra: Extra | None) -> bytes:
        """Return the bytes before the rows.

        Args:
            extra: The extra columns of the first block.
        """

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return the bytes of a block."""

    def end(self) -> bytes:
        """Return the bytes after the rows."""


class TableRules:
    """`SchemaRules` with errors for each row, for whole blocks. Thread-safe.

    Args:
        schema: The model's schema.

    Attributes:
        schema: The same.
        names: The names of the features.
        places: The place of each feature by its name.
        columns: The names that columns of features may have in a table.
        aliases: The name of each feature whose column may have another name, by that name.
        parsers: The parser of the texts of each feature.
        number_parser: A parser of the texts of all numbers, some of which may not be missing; that
            of any feature if there are no numbers.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema, self.parsers = schema, cell_parsers(schema)
        self.names = KnownNames(schema.names)
        self.places = {name: place for place, name in enumerate(schema.names)}
        self.columns = KnownNames({*schema.names, *schema.sources})
        self.aliases = {
            each.column: each.name for each in schema.features if each.column is not None
        }
        numbers = [each for each in self.parsers if each.is_number] or self.parsers
        self.number_parser = max(numbers, key=lambda each: len(each.missing))
        self._rules = SchemaRules(schema.features, schema.missing_values)
        # Shared by all rows: a hostile body has an error in each value.
        self._errors = [FieldError(field=each.name, rule=each.rule) for each in schema.features]
        self._cell_errors = [
            FieldError(field=each.name, rule=each.cell_rule) for each in schema.features
        ]

    def check(
        self, values: Array, errors: RowErrors = NO_ERRORS, *, in_cells: bool = False
    ) -> Block:
        """Check values against the schema.

        Args:
            values: `(B, F)` float64, infinity for a cell that could not be parsed.
            errors: Errors that are known already; their rows are not checked. In order of rows.
            in_cells: Whether the values are texts of cells, which are empty where others are null.

        Returns:
            The block with all errors.
        """
        values = self._rules.with_gaps(values)
        invalid = self._rules.check(values)
        if invalid is None or not invalid.any():
            return Block(values, errors, complete=invalid is None and not errors)
        found, rules = dict(errors), self._cell_errors if in_cells else self._errors
        for row in np.flatnonzero(invalid.any(axis=1)).tolist():
            if row not in errors:
                wrong = np.flatnonzero(invalid[row])[:MAX_ERRORS].tolist()
                found[row] = [rules[column] for column in wrong]
        return Block(values, dict(sorted(found.items())))


class Rebatcher:
    """Regroups blocks of any size into blocks of exactly `piece_rows` rows, the last one shorter.

    Large extra columns are not held: with them, a block may have fewer rows.
    """

    def __init__(self) -> None:
        self._held: list[Block] = []
        self._rows = self._extra_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Memory of the rows that wait for more rows."""
        return sum(block.memory_bytes for block in self._held)

    def add(self, block: Block) -> Iterator[Block]:
        """Yield the blocks that are full."""
        self._held.append(block)
        self._rows += len(block.values)
        self._extra_bytes += block.extra_bytes
        size = piece_rows(block.values.shape[1])
        is_large = self._extra_bytes > MAX_HELD_EXTRA_BYTES
        if self._rows < size and not is_large:
            return
        whole, full = join_blocks(self._held), self._rows - self._rows % size
        if is_large:
            full = self._rows
        rest = whole.part(full, self._rows)
        rest.values = rest.values.copy()  # a view would keep all of the block
        self._held, self._rows, self._extra_bytes = [rest], len(rest.values), rest.extra_bytes
        for start in range(0, full, size):
            yield whole.part(start, min(start + size, full))

    def finish(self) -> Iterator[Block]:
        """Yield the last block."""
        if self._rows:
            yield join_blocks(self._held)


def join_blocks(blocks: list[Block]) -> Block:
    """Return the rows of consecutive blocks as one block."""
    if len(blocks) == 1:
        return blocks[0]
    errors: dict[int, list[FieldError]] = {}
    start = 0
    for block in blocks:
        errors |= {start + row: found for row, found in block.errors.items()}
        start += len(block.values)
    values = np.concatenate([block.values for block in blocks])
    extra = next((block.extra for block in blocks if block.extra is not None), None)
    if extra is not None:
        extra = extra.join((block.extra, len(block.values)) for block in blocks)
    return Block(values, errors, all(block.complete for block in blocks), extra)

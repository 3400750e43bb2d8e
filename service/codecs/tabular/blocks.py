"""Rows on their way through: blocks of them, whatever they were written in, of one size.

B rows, F features.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from model.arrays import Array
from model.prediction.predictor import piece_rows
from model.prediction.schema import Schema
from service.problems import MAX_ERRORS, FieldError

RowErrors = Mapping[int, list[FieldError]]
ROW = "row"  # the field of an error that is the whole row's


@dataclass(frozen=True)
class Block:
    """Some rows, and what is wrong with the bad ones among them.

    values: (B, F) float64 in the schema's order, NaN where missing; of bad rows it means nothing.
    errors: by a row's place in the block, at most 10 a row.
    """

    values: Array
    errors: RowErrors = field(default_factory=dict)


@dataclass(frozen=True)
class ScoredBlock:
    """A block with the predictions (G, outputs) of its good rows, in order.

    good: (B,) bool; None where all are.
    """

    block: Block
    predictions: Array
    good: Array | None

    def with_gaps(self, values: Iterable[Any], other: Any) -> list[Any]:
        """What good rows (G) have, and bad ones instead: a list a row (B)."""
        if self.good is None:
            return list(values)
        coming = iter(values)
        return [next(coming) if good else other for good in self.good.tolist()]


class TableReader(Protocol):
    """Makes blocks of a body that comes in pieces; raises Problem where it cannot be read on."""

    def feed(self, piece: bytes) -> Iterable[Block]:
        """The rows that are whole now."""

    def finish(self) -> Iterable[Block]:
        """The rows that are left at the body's end."""


class TableWriter(Protocol):
    """Makes an answer's bytes of what was scored, in order."""

    def begin(self) -> bytes:
        """What comes before the rows."""

    def rows(self, scored: ScoredBlock) -> bytes:
        """The next ones."""

    def end(self) -> bytes:
        """What comes after them."""


class TableRules:
    """Vectorized range, integer and missing-value checks of a schema, for whole blocks."""

    def __init__(self, schema: Schema) -> None:
        features = schema.features
        lows = (-np.inf if each.minimum is None else each.minimum for each in features)
        highs = (np.inf if each.maximum is None else each.maximum for each in features)
        self._features = features
        self._low, self._high = np.array([*lows]), np.array([*highs])
        self._whole = np.array([each.type == "integer" for each in features])
        self._optional = np.array([each.may_be_missing for each in features])

    def check(self, values: Array, errors: RowErrors | None = None) -> Block:
        """A block of values (B, F), an infinity where a cell could not be read.

        errors: of rows that are known to be bad, and are not looked at.
        """
        good = np.isfinite(values) & (values >= self._low) & (values <= self._high)
        if self._whole.any():
            good &= ~self._whole | (np.floor(values) == values)
        good |= np.isnan(values) & self._optional
        if np.count_nonzero(good) == good.size and not errors:
            return Block(values)
        found: dict[int, list[FieldError]] = dict(errors or {})
        for row in np.flatnonzero(~good.all(axis=1)).tolist():
            if errors is None or row not in errors:
                bad = (self._features[column] for column in np.flatnonzero(~good[row])[:MAX_ERRORS])
                found[row] = [FieldError(field=each.name, rule=each.rule) for each in bad]
        return Block(values, dict(sorted(found.items())))


class Rebatcher:
    """Blocks of any size in, blocks of exactly `piece_rows` out, the last one shorter.

    A product of matrices may round a row otherwise in other company: so the same rows have the same
    digits, however the network cut them, and in `python -m model predict` too.
    """

    def __init__(self) -> None:
        self._held: list[Block] = []
        self._rows = 0

    def add(self, block: Block) -> Iterator[Block]:
        """The blocks that are full now."""
        self._held.append(block)
        self._rows += len(block.values)
        size = piece_rows(block.values.shape[1])
        while self._rows >= size:
            whole = _joined(self._held)
            rest = _part(whole, size, len(whole.values))
            self._held, self._rows = [rest], len(rest.values)
            yield _part(whole, 0, size)

    def finish(self) -> Iterator[Block]:
        """The last one."""
        if self._rows:
            yield _joined(self._held)


def _joined(blocks: list[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    errors: dict[int, list[FieldError]] = {}
    start = 0
    for block in blocks:
        errors |= {start + row: found for row, found in block.errors.items()}
        start += len(block.values)
    return Block(np.concatenate([block.values for block in blocks]), errors)


def _part(block: Block, start: int, end: int) -> Block:
    errors = {row - start: found for row, found in block.errors.items() if start <= row < end}
    return Block(block.values[start:end], errors)

"""Split a table into rows that train, validate and test: by range, column or fraction."""

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.target import Binary, MultiClass, Target
from model.training.draws import by_fraction
from model.training.recipes.sections import Split
from model.training.tables.table import Table


def split_table(table: Table, split: Split, target: Target) -> tuple[Table, Table, Table | None]:
    """Split a whole table.

    Args:
        table: The table.
        split: The recipe's table `[split]`.
        target: The target.

    Returns:
        The rows that train, those that validate (the same table where out-of-bag predictions
        validate), and those that test; None without split.test.

    Raises:
        DataError: If the table is too short for the split, or a part is empty.
    """
    if split.is_out_of_bag or isinstance(split.validation, float):
        # Only a single class per row can be stratified; labels and numbers cannot.
        has_classes = split.stratify and isinstance(target, Binary | MultiClass)
        test, rest = None, table
        if split.test is not None:
            rest, test = _draw(table, "test", split.test, has_classes, split.seed)
        if split.is_out_of_bag:
            return rest, rest, test
        fraction = split.validation / (1 - (split.test or 0))  # of the rows that do not test
        train, validation = _draw(rest, "validation", fraction, has_classes, split.seed)
        return train, validation, test
    splitter = ChunkSplitter(split)
    trains, validates, tests = splitter.masks(table)
    splitter.check()
    return (
        table.take(trains),
        table.take(validates),
        None if split.test is None else table.take(tests),
    )


def _draw(
    table: Table, name: str, fraction: float, has_classes: bool, seed: int
) -> tuple[Table, Table]:
    """Draw a fraction of the rows; return the other rows and those."""
    classes = table.targets[:, 0] if has_classes else None
    try:
        others, drawn = by_fraction(fraction, classes, table.groups, len(table.rows), seed)
    except DataError as error:
        raise DataError(f"split.{name}: {error}") from None
    return table.take(others), table.take(drawn)


class ChunkSplitter:
    """Split a table that arrives in chunks.

    A fraction is drawn row by row, or group by group, so it is met on average.

    Args:
        split: The recipe's table `[split]`.
    """

    def __init__(self, split: Split) -> None:
        self._split, self._generator = split, np.random.default_rng(split.seed)
        self._rows, self._found = 0, {"validation": False, "test": split.test is None}

    def masks(self, chunk: Table) -> tuple[Array, Array, Array]:
        """Return masks (B,) of the next chunk's rows that train, validate and test."""
        split, count = self._split, len(chunk.rows)
        train: Array | None = None
        tests = np.zeros(count, dtype=bool)
        if split.ranges:
            numbers = np.arange(self._rows, self._rows + count)
            within = {
                name: (numbers >= first) & (numbers < end)
                for name, (first, end) in split.ranges.items()
            }
            train, validates, tests = (
                within["train"],
                within["validation"],
                within.get("test", tests),
            )
        elif chunk.split_values is not None:
            validates = chunk.split_values == split.validation
            if split.test is not None:
                tests = chunk.split_values == split.test
        else:
            draws = self._draws(chunk)
            validates = draws < split.validation
            if split.test is not None:
                tests = ~validates & (draws < split.validation + split.test)
        self._rows += count
        self._found["validation"] |= bool(validates.any())
        self._found["test"] |= bool(tests.any())
        return (~(validates | tests) if train is None else train), validates, tests

    def _draws(self, chunk: Table) -> Array:
        """Draw a number from 0 to 1 for each row; the rows of a group have the same."""
        if chunk.groups is None:
            return self._generator.random(len(chunk.rows))
        # A group's rows may be in any chunk, so its draw is a hash of the group and the seed.
        key = f"{self._split.seed:016d}"
        hashed = pd.util.hash_array(chunk.groups.astype(object), hash_key=key)
        return np.asarray(hashed / 2.0**64)

    def check(self) -> None:
        """Check the split after the last chunk.

        Raises:
            DataError: If the table is too short for the ranges, or no row has the value of
                split.validation or split.test.
        """
        split = self._split
        for name, (_, end) in split.ranges.items():
            if end > self._rows:
                where = f"split.{name} ends at row {end}"
                raise DataError(f"{where}, the table has {self._rows} rows")
        for name, value in (("validation", split.validation), ("test", split.test)):
            if isinstance(value, str) and not self._found[name]:
                raise DataError(f"split.{name}: no row has the value {value!r}")

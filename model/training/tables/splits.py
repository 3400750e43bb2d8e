"""Split a table into rows that train and rows that validate: by range, column or fraction."""

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.target import Binary, MultiClass, Target
from model.training.draws import by_fraction
from model.training.recipes.sections import Split
from model.training.tables.table import Table


def split_table(table: Table, split: Split, target: Target) -> tuple[Table, Table]:
    """Split a whole table.

    Args:
        table: The table.
        split: The recipe's table `[split]`.
        target: The target.

    Returns:
        The rows that train and the rows that validate.

    Raises:
        DataError: If the table is too short for the split, or a part is empty.
    """
    if isinstance(split.validation, float):
        # Only a single class per row can be stratified; labels and numbers cannot.
        has_classes = split.stratify and isinstance(target, Binary | MultiClass)
        classes = table.targets[:, 0] if has_classes else None
        rows, seed = len(table.rows), split.seed
        try:
            train, validates = by_fraction(split.validation, classes, table.groups, rows, seed)
        except DataError as error:
            raise DataError(f"split.validation: {error}") from None
    else:
        splitter = ChunkSplitter(split)
        train, validates = splitter.masks(table)
        splitter.check()
    return table.take(train), table.take(validates)


class ChunkSplitter:
    """Split a table that arrives in chunks.

    A fraction is drawn row by row, or group by group, so it is met on average.

    Args:
        split: The recipe's table `[split]`.
    """

    def __init__(self, split: Split) -> None:
        self._split, self._generator = split, np.random.default_rng(split.seed)
        self._rows, self._has_validation = 0, False

    def masks(self, chunk: Table) -> tuple[Array, Array]:
        """Return masks (B,) of the next chunk's rows that train and that validate."""
        split, count = self._split, len(chunk.rows)
        train: Array | None = None
        if split.train is not None and isinstance(split.validation, tuple):
            numbers = np.arange(self._rows, self._rows + count)
            train, validates = (
                (numbers >= first) & (numbers < end)
                for first, end in (split.train, split.validation)
            )
        elif chunk.split_values is not None:
            validates = chunk.split_values == split.validation
        elif chunk.groups is not None:
            # A group's rows may be in any chunk, so its draw is a hash of the group and the seed.
            key = f"{split.seed:016d}"
            draws = pd.util.hash_array(chunk.groups.astype(object), hash_key=key) / 2.0**64
            validates = draws < split.validation
        else:
            validates = self._generator.random(count) < split.validation
        self._rows += count
        self._has_validation = self._has_validation or bool(validates.any())
        return (~validates if train is None else train), validates

    def check(self) -> None:
        """Check the split after the last chunk.

        Raises:
            DataError: If the table is too short for the ranges, or no row has the value of
                split.validation.
        """
        split = self._split
        if split.train is not None and isinstance(split.validation, tuple):
            for name, (_, end) in (("train", split.train), ("validation", split.validation)):
                if end > self._rows:
                    where = f"split.{name} ends at row {end}"
                    raise DataError(f"{where}, the table has {self._rows} rows")
        elif isinstance(split.validation, str) and not self._has_validation:
            raise DataError(f"split.validation: no row has the value {split.validation!r}")

"""Split rows into those that train and those that validate: by range, column, fraction or folds."""

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.target import Binary, MultiClass, Target
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
        train, validates = by_fraction(split.validation, classes, table.groups, rows, seed)
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


def by_fraction(
    fraction: float, classes: Array | None, groups: Array | None, rows: int, seed: int
) -> tuple[Array, Array]:
    """Split by a random draw of about a fraction of the rows.

    Args:
        fraction: Share of the rows that validate, between 0 and 1.
        classes: Classes of the rows, shape (N,); the same fraction of each is drawn. None draws
            from all rows alike.
        groups: Groups of the rows, shape (N,); a group's rows stay together, and the group counts
            as one of its rarest class. None if rows are independent.
        rows: N, the number of rows.
        seed: Seed of the draw.

    Returns:
        Indices of the rows that train and of those that validate, each in the table's order.

    Raises:
        DataError: If one part is empty.
    """
    generator = np.random.default_rng(seed)
    labels = np.zeros(rows, int) if classes is None else np.unique(classes, return_inverse=True)[1]
    members = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    frequency = np.bincount(labels)[labels]
    stratum = np.full(members.max() + 1, -1)
    order = np.argsort(-frequency, kind="stable")  # the rarest class is written last
    stratum[members[order]] = labels[order]
    sizes = np.bincount(members)
    validates = np.zeros(len(sizes), bool)
    for value in np.unique(stratum):
        drawn = generator.permutation(np.flatnonzero(stratum == value))
        ends = np.cumsum(sizes[drawn])
        # Up to the last group whose middle is within the fraction.
        validates[drawn[ends - sizes[drawn] / 2 <= fraction * ends[-1]]] = True
    chosen = validates[members]
    if chosen.all() or not chosen.any():
        raise DataError(f"split.validation: a fraction of {fraction} leaves one part empty")
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def by_folds(
    folds: int, classes: Array | None, groups: Array | None, rows: int, seed: int
) -> Array:
    """Assign rows to folds with about equal numbers of each class.

    Groups are assigned in a random order, larger ones first, each to the fold with the fewest rows
    of its classes, and among those to the one with the fewest rows in all.

    Args:
        folds: Number of folds, at most the number of groups.
        classes: Classes of the rows, shape (N,), or None.
        groups: Groups of the rows, shape (N,), or None; a group's rows share a fold.
        rows: N, the number of rows.
        seed: Seed of the order.

    Returns:
        Fold of each row, counted from 0, shape (N,).

    Raises:
        DataError: If there are fewer groups than folds.
    """
    generator = np.random.default_rng(seed)
    labels = np.zeros(rows, int) if classes is None else np.unique(classes, return_inverse=True)[1]
    members = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((members.max() + 1, labels.max() + 1), int)  # rows by group and class
    np.add.at(counts, (members, labels), 1)
    if folds > len(counts):
        raise DataError(f"folds must be at most the number of groups, {len(counts)}, got {folds}")
    order = generator.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    filled, fold_of_group = np.zeros((folds, labels.max() + 1), int), np.empty(len(counts), int)
    for group in order:
        own_classes = counts[group] > 0
        load = filled[:, own_classes].sum(axis=1) * rows + filled.sum(axis=1)
        fold_of_group[group] = fold = int(load.argmin())
        filled[fold] += counts[group]
    return np.asarray(fold_of_group[members])

"""Split rows into those that train and those that validate: by range, column, fraction or folds."""

from typing import NamedTuple

import numpy as np

from model.arrays import Array
from model.errors import DataError

Range = tuple[int, int]


class Split(NamedTuple):
    """Row indices of both parts, each in the table's order.

    Attributes:
        train: Indices of the rows that train.
        validation: Indices of the rows that validate.
    """

    train: Array
    validation: Array


def by_ranges(rows: int, train: Range, validation: Range) -> Split:
    """Split by ranges of row numbers.

    Args:
        rows: Number of rows in the table.
        train: Range [first, end) of the rows that train.
        validation: Range [first, end) of the rows that validate.

    Raises:
        DataError: If a range ends after the last row.
    """
    for name, (_, end) in (("train", train), ("validation", validation)):
        if end > rows:
            raise DataError(f"split.{name} ends at row {end}, the table has {rows} rows")
    return Split(np.arange(*train), np.arange(*validation))


def by_values(values: Array, validation: str) -> Split:
    """Split by the values of a column.

    Args:
        values: The column as text, shape (N,).
        validation: Value of the rows that validate; all others train.

    Raises:
        DataError: If no row has the value.
    """
    validates = values == validation
    if not validates.any():
        raise DataError(f"split.validation: no row has the value {validation!r}")
    return Split(np.flatnonzero(~validates), np.flatnonzero(validates))


def by_fraction(
    fraction: float, classes: Array | None, groups: Array | None, rows: int, seed: int
) -> Split:
    """Split by a random draw of about a fraction of the rows.

    Args:
        fraction: Share of the rows that validate, between 0 and 1.
        classes: Classes of the rows, shape (N,); the same fraction of each is drawn. None draws
            from all rows alike.
        groups: Groups of the rows, shape (N,); a group's rows stay together, and the group counts
            as one of its rarest class. None if rows are independent.
        rows: N, the number of rows.
        seed: Seed of the draw.

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
    return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen))


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

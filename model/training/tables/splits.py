"""Which rows train and which validate: by position, by a column, or drawn by a seed."""

from typing import NamedTuple

import numpy as np

from model.arrays import Array
from model.errors import DataError

Range = tuple[int, int]


class Split(NamedTuple):
    """Indices of the rows that train and of those that validate, each in the table's order."""

    train: Array
    validation: Array


def by_ranges(rows: int, train: Range, validation: Range) -> Split:
    """Rows [first, end) of each. Raises DataError where the table is shorter."""
    for name, (_, end) in (("train", train), ("validation", validation)):
        if end > rows:
            raise DataError(f"split.{name} ends at row {end}, the table has {rows} rows")
    return Split(np.arange(*train), np.arange(*validation))


def by_values(values: Array, validation: str) -> Split:
    """Rows whose value (N,) is `validation` validate, all others train."""
    chosen = values == validation
    if not chosen.any():
        raise DataError(f"split.validation: no row has the value {validation!r}")
    return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen))


def by_fraction(
    fraction: float, classes: Array | None, groups: Array | None, rows: int, seed: int
) -> Split:
    """About this fraction of the rows validates, drawn by a seed.

    classes (N,): of each class about the same fraction, where given. groups (N,): the rows of a
    group stay together, where given; a group counts as its rarest class's.
    """
    generator = np.random.default_rng(seed)
    labels = np.zeros(rows, int) if classes is None else np.unique(classes, return_inverse=True)[1]
    members = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    rarity = np.bincount(labels)[labels]
    stratum = np.full(members.max() + 1, -1)
    order = np.argsort(-rarity, kind="stable")  # so that the rarest class is written last
    stratum[members[order]] = labels[order]
    sizes = np.bincount(members)
    chosen = np.zeros(len(sizes), bool)
    for each in np.unique(stratum):
        drawn = generator.permutation(np.flatnonzero(stratum == each))
        ends = np.cumsum(sizes[drawn])
        # Up to the group whose middle is still within the fraction.
        chosen[drawn[ends - sizes[drawn] / 2 <= fraction * ends[-1]]] = True
    validates = chosen[members]
    if validates.all() or not validates.any():
        raise DataError(f"split.validation: a fraction of {fraction} leaves one part empty")
    return Split(np.flatnonzero(~validates), np.flatnonzero(validates))


def by_folds(
    folds: int, classes: Array | None, groups: Array | None, rows: int, seed: int
) -> Array:
    """Each row's fold (N,), from 0: of each class about as many rows in every fold.

    classes, groups: as in `by_fraction`. Groups are dealt in an order drawn by the seed, larger
    ones first, each to the fold that has the fewest rows of its class, and of all.
    """
    generator = np.random.default_rng(seed)
    labels = np.zeros(rows, int) if classes is None else np.unique(classes, return_inverse=True)[1]
    members = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    of_group = np.zeros((members.max() + 1, labels.max() + 1), int)
    np.add.at(of_group, (members, labels), 1)
    if folds > len(of_group):
        raise DataError(f"folds must be at most as many as groups, {len(of_group)}, got {folds}")
    order = generator.permutation(len(of_group))
    order = order[np.argsort(-of_group[order].sum(axis=1), kind="stable")]
    filled, fold_of = np.zeros((folds, labels.max() + 1), int), np.empty(len(of_group), int)
    for group in order:
        mine = of_group[group] > 0
        load = filled[:, mine].sum(axis=1) * rows + filled.sum(axis=1)
        fold_of[group] = fold = int(load.argmin())
        filled[fold] += of_group[group]
    return np.asarray(fold_of[members])

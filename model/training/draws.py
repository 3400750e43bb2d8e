"""Random partitions of rows that respect classes and groups: by a fraction, or by folds."""

import numpy as np

from model.arrays import Array
from model.errors import DataError


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
        raise DataError(f"a fraction of {fraction} leaves one part empty")
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

"""Bagging: each member of an ensemble trains on its own part of the rows.

A bag is a bootstrap sample, or all folds but one. Rows out of a member's bag are new to the member,
so its predictions of them are honest.

Sources: Breiman, "Bagging predictors", 1996, https://doi.org/10.1007/BF00058655; for folds,
Erickson et al., "AutoGluon-Tabular", 2020, §2.3, https://arxiv.org/abs/2003.06505
"""

from collections.abc import Sequence

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.training.draws import by_folds

BAGS = 4  # random stream of the training's seed, beside those of rows and noise


def bags_of_ensemble(
    members: int, folds: int | None, classes: Array | None, groups: Array, seed: int
) -> Array:
    """Draw the bags of an ensemble: bootstrap samples, or all folds but one.

    Args:
        members: K, the number of bags.
        folds: Number of folds, of which each bag leaves one out; None for bootstrap samples. A
            table with fewer groups has as many folds as groups.
        classes: Classes of the rows, shape (N,), of which each fold has its share; or None.
        groups: Group numbers of the rows, counted from 0, shape (N,).
        seed: The training's seed.

    Returns:
        How often each row is in each bag, shape (K, N), float64.

    Raises:
        DataError: If there is a single group, which is in each bag or in none.
    """
    generator, count = np.random.default_rng([seed, BAGS]), int(groups.max()) + 1
    if count < 2:
        raise DataError("ensemble.bagged needs training rows of at least two groups")
    if folds is None:
        return draw_bags(groups, members, generator)
    folds = min(folds, count)
    seeds = generator.integers(2**32, size=-(-members // folds)).tolist()
    drawn = [by_folds(folds, classes, groups, len(groups), each) for each in seeds]
    return fold_bags(drawn, members)


def draw_bags(groups: Array, members: int, generator: np.random.Generator) -> Array:
    """Draw how often each row is in each member's bag.

    Whole groups are drawn with replacement, as many as there are, so the rows of a group are in a
    bag together or not at all.

    Args:
        groups: Group numbers of the rows, counted from 0, shape (N,).
        members: K, the number of bags.
        generator: Source of randomness.

    Returns:
        Counts, shape (K, N), float64.
    """
    count = int(groups.max()) + 1
    drawn = generator.multinomial(count, np.full(count, 1 / count), members)
    return np.asarray(drawn[:, groups], dtype=float)


def fold_bags(assignments: Sequence[Array], members: int) -> Array:
    """Leave a fold of the rows out of each member's bag.

    Each fold of an assignment is out of the bag of one member; then the next assignment follows. So
    a member trains on more of a small table than with a bootstrap sample.

    Args:
        assignments: Folds of the rows, counted from 0, shape (N,); at least ⌈K / folds⌉ arrays.
        members: K, the number of bags.

    Returns:
        Counts, 0 or 1, shape (K, N), float64.
    """
    outside = [each == fold for each in assignments for fold in range(int(each.max()) + 1)]
    return 1.0 - np.array(outside[:members], dtype=float)


def out_of_bag(predictions: Array, bags: Array) -> tuple[Array, Array]:
    """Average each row's predictions over the members that did not train on it.

    Args:
        predictions: Shape (K, N, outputs).
        bags: Counts from `draw_bags` or `fold_bags`, shape (K, N).

    Returns:
        The means, shape (N, outputs), NaN for a row that is in every bag; and a mask (N,) of the
        rows that are out of at least one bag.
    """
    outside = (bags == 0).astype(float)
    voters = outside.sum(axis=0)
    with np.errstate(invalid="ignore"):
        means = np.einsum("kn,kno->no", outside, predictions) / voters[:, None]
    return means, voters > 0

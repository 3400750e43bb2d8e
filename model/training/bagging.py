"""Bootstrap aggregating (bagging): each member of an ensemble trains on its own draw of rows.

Source: Breiman, "Bagging predictors", 1996, https://doi.org/10.1007/BF00058655
"""

import numpy as np

from model.arrays import Array


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


def out_of_bag(predictions: Array, bags: Array) -> tuple[Array, Array]:
    """Average each row's predictions over the members that did not train on it.

    Args:
        predictions: Shape (K, N, outputs).
        bags: Counts from `draw_bags`, shape (K, N).

    Returns:
        The means, shape (N, outputs), NaN for a row that is in every bag; and a mask (N,) of the
        rows that are out of at least one bag.
    """
    outside = (bags == 0).astype(float)
    voters = outside.sum(axis=0)
    with np.errstate(invalid="ignore"):
        means = np.einsum("kn,kno->no", outside, predictions) / voters[:, None]
    return means, voters > 0

"""Members of an ensemble that each learn from rows of their own draw (Breiman 1996, Bagging)."""

import numpy as np

from model.arrays import Array


def draw_bags(groups: Array, members: int, generator: np.random.Generator) -> Array:
    """How often each row is in each member's bag: (K, N) float64.

    Whole groups (N,), numbered from 0, are drawn with replacement, as many as there are, so that a
    group's rows are in the bag together or not at all.
    """
    count = int(groups.max()) + 1
    drawn = generator.multinomial(count, np.full(count, 1 / count), members)
    return np.asarray(drawn[:, groups], dtype=float)


def out_of_bag(predictions: Array, bags: Array) -> tuple[Array, Array]:
    """What members say of rows that are not in their bags, on average; and of which rows any does.

    predictions: (K, N, outputs). bags: (K, N). Means are (N, outputs), NaN where no member does.
    """
    outside = (bags == 0).astype(float)
    voices = outside.sum(axis=0)
    with np.errstate(invalid="ignore"):
        means = np.einsum("kn,kno->no", outside, predictions) / voices[:, None]
    return means, voices > 0

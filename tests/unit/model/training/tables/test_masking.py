"""model/training/tables/masking.py: categories that are masked in the training rows."""

import numpy as np

from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from model.training.tables.masking import CategoryMask

LETTERS = ("a", "b", "c")
SCHEMA = Schema(
    features=(
        Feature(name="open", type="category", categories=LETTERS, unseen="other"),
        Feature(name="closed", type="category", categories=LETTERS),
        Feature(name="number"),
    ),
    target=Binary(negative="no", positive="yes"),
)


def test_a_share_of_the_cells_is_masked_and_more_of_rare_categories() -> None:
    rows = np.zeros((4000, 3))
    rows[:4, 0], rows[4:8, 0], rows[8:1008, 0] = 1, np.nan, 2
    masked = CategoryMask.fit(rows, SCHEMA, seed=0)(rows)
    changed = masked[:, 0] == 3
    np.testing.assert_array_equal(masked[:, 1:], rows[:, 1:])
    np.testing.assert_array_equal(masked[~changed], rows[~changed])
    assert not changed[4:8].any()  # missing values stay missing
    assert 0.03 < changed[8:1008].mean() < 0.07
    assert 0.04 < changed[1008:].mean() < 0.06
    shares = CategoryMask.fit(rows, SCHEMA, seed=0).shares
    assert shares[0].tolist() == [0.05, 0.25, 0.05, 0.5]


def test_masks_are_those_of_the_seed() -> None:
    rows = np.zeros((100, 3))
    first, same, other = (CategoryMask.fit(rows, SCHEMA, seed)(rows) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_rows_are_unchanged_where_unknown_categories_are_refused() -> None:
    closed = SCHEMA.model_copy(update={"features": SCHEMA.features[1:]})
    rows = np.zeros((10, 2))
    assert CategoryMask.fit(rows, closed, seed=0)(rows) is rows

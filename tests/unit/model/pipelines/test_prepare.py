"""Preparation: bags of folds that keep groups together and have rows of each class."""

from pathlib import Path

import numpy as np
import pytest

from model.arrays import Array
from model.errors import DataError
from model.pipelines.prepare import Prepared, prepare
from model.prediction.target import Regression
from model.training.recipes.recipe import load_recipe
from model.training.tables.fit_encoder import fit_target_scale
from model.training.tables.partitions import hold_partitions
from model.training.tables.table import Table

RECIPE = """
name = "small"
features = [{ name = "a", minimum = 0, maximum = 100 }]
data = { file = "small.csv", target = "y", positive = "1", negative = "0" }
split = { validation = 0.5 }
network = { hidden = [] }
training = { optimizer = "adam", epochs = 1 }
"""


def prepared(folder: Path, rows: int, ensemble: str, groups: Array | None = None) -> Prepared:
    """Return a preparation of rows of which each third is positive."""
    path = folder / "small.toml"
    path.write_text(f"{RECIPE}ensemble = {ensemble}\n")
    recipe, numbers = load_recipe(str(path)), np.arange(rows)
    inputs, targets = numbers[:, None].astype(float), (numbers % 3 == 0)[:, None]
    table = Table(inputs, targets, groups, weights=None, split_values=None, dropped=0)
    return prepare(recipe, hold_partitions(table, table, table, recipe.schema.target))


def test_bags_leave_out_folds_with_the_same_share_of_each_class(tmp_path: Path) -> None:
    found = prepared(tmp_path, 90, "{ members = 25, folds = 10 }")
    assert found.bags is not None
    outside = found.bags == 0
    assert (outside.sum(axis=1) == 9).all()
    assert (outside[:, ::3].sum(axis=1) == 3).all()
    assert (outside[:10].sum(axis=0) == 1).all()
    assert len({bag.tobytes() for bag in found.bags}) == 25  # folds are drawn again
    twin = prepared(tmp_path, 90, "{ members = 25, folds = 10 }")
    np.testing.assert_array_equal(found.bags, twin.bags)


def test_folds_keep_groups_together(tmp_path: Path) -> None:
    groups = np.repeat(np.arange(15), 6)
    found = prepared(tmp_path, 90, "{ members = 6, folds = 3 }", groups)
    assert found.bags is not None
    np.testing.assert_array_equal(found.bags, found.bags[:, ::6][:, groups])


def test_table_with_few_groups_has_fewer_folds(tmp_path: Path) -> None:
    found = prepared(tmp_path, 9, "{ members = 20, folds = 20 }", np.repeat([0, 1, 2], 3))
    assert found.bags is not None
    assert ((found.bags == 0).sum(axis=1) == 3).all()


@pytest.mark.parametrize("folds", ["", ", folds = 2"])
def test_bags_of_a_single_group_are_rejected(tmp_path: Path, folds: str) -> None:
    with pytest.raises(DataError, match=r"^ensemble.bagged needs training rows of at least two gr"):
        prepared(tmp_path, 9, f"{{ members = 2{folds} }}", np.zeros(9, int))


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_targets_of_any_size_are_scaled(unit: float) -> None:
    """Their squares vanish or overflow."""
    targets = np.array([[1.0], [2.0], [4.0]]) * unit
    scale = fit_target_scale(targets, Regression(outputs=("y",)), "standard")
    scaled = scale.apply(targets)
    np.testing.assert_allclose([scaled.mean(), scaled.std()], [0, 1], atol=1e-12)

"""Cross-validation: the model that predicts a row was trained on other rows and groups."""

from pathlib import Path

import numpy as np
import pytest

from model.arrays import Array
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.cross_validate import cross_validate, draw_folds, fit_table
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.recipes.sections import OPERATING_POINTS
from model.training.tables.partitions import read_table

SHORT = """
[training]
optimizer = "adam"
learning_rate = 0.02
epochs = 8
batch_size = 32
"""
MEMORIZE = """
name = "memorize"
features = [{ name = "x", type = "category", categories = [CATEGORIES] }]
data = { file = "rows.csv", target = "y", negative = "no", positive = "yes", group = "group" }
split.validation = 0.3
network.hidden = []
training = { optimizer = "adam", learning_rate = 0.1, epochs = 150 }
"""


def wisconsin(folder: Path, more: str = "", tail: str = "") -> Recipe:
    path = folder / "my.toml"
    path.write_text(f'extends = "article"\n{more}\n{SHORT}{tail}')
    return load_recipe(str(path))


def test_groups_are_not_split(tmp_path: Path) -> None:
    """Each group has its own category and a random label: only leakage gives high accuracy."""
    generator = np.random.default_rng(0)
    labels = np.array(["no", "yes"])[generator.permutation(np.arange(60) % 2)]
    lines = [f"c{group},{labels[group]},g{group}" for group in np.repeat(range(60), 4)]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y,group", *lines, ""]))
    categories = ", ".join(f'"c{group}"' for group in range(60))
    (tmp_path / "my.toml").write_text(MEMORIZE.replace("CATEGORIES", categories))
    recipe = load_recipe(str(tmp_path / "my.toml"))
    table = read_table(recipe)
    folds = draw_folds(recipe.schema.target, table, 5, 1)
    leaking = np.arange(len(table.rows)) % 4  # rows of each group in all folds: leakage

    def accuracy(fold: Array) -> float:
        [found] = cross_validate(recipe, table, [fold])
        return float(((found.scored.predictions > 0.5) == table.targets).mean())

    assert accuracy(leaking) == 1
    assert accuracy(folds[0]) < 0.65
    for group in range(60):
        assert len(set(folds[0][table.group_numbers() == group].tolist())) == 1


def test_each_row_is_predicted_by_the_model_of_other_folds(tmp_path: Path) -> None:
    more = 'ensemble.members = 3\nthreshold = "balanced"'
    recipe = wisconsin(tmp_path, more)
    table = read_table(recipe)
    folds = draw_folds(recipe.schema.target, table, 3, 2)
    assert (folds[0] != folds[1]).any()
    one, other = cross_validate(recipe, table, folds)
    again = cross_validate(recipe, table, folds, jobs=2)
    for found, twin in zip((one, other), again, strict=True):
        np.testing.assert_array_equal(found.scored.predictions, twin.scored.predictions)
        for name in OPERATING_POINTS:
            np.testing.assert_array_equal(found.thresholds[name], twin.thresholds[name])
    held = folds[0] == 1
    alone = fit_table(recipe, table.take(~held))
    np.testing.assert_array_equal(one.scored.predictions[held], alone.predict(table.rows[held]))
    assert set(one.thresholds) == {"default", *OPERATING_POINTS}
    for name, each in one.thresholds.items():
        assert set(each[held].tolist()) == {alone.operating_points[name]}
    assert len(set(one.thresholds["balanced"].tolist())) == 3


def test_early_stopping_on_out_of_bag_rows_trains_on_all_rows(tmp_path: Path) -> None:
    tail = 'early_stopping = { patience = 2, rows = "out-of-bag" }'
    recipe = wisconsin(tmp_path, "ensemble = { members = 4, folds = 4 }", tail=tail)
    table = read_table(recipe)
    predictor = fit_table(recipe, table)
    assert len(predictor.train.targets) == len(table.rows) == predictor.facts["out_of_bag"]["rows"]


@pytest.mark.parametrize("tail", ["", "early_stopping = { patience = 2 }"])
def test_the_wisconsin_table(tmp_path: Path, tail: str) -> None:
    recipe = wisconsin(tmp_path, tail=tail)
    table = read_table(recipe)
    [found] = cross_validate(recipe, table, draw_folds(recipe.schema.target, table, 5, 1))
    assert found.scored.predictions.shape == (683, 1)
    assert 0.94 < metrics_at_threshold(recipe.schema.target, found.scored, 0.5)["accuracy"] < 0.99
    assert {name: set(each.tolist()) for name, each in found.thresholds.items()} == {
        "default": {0.5}
    }

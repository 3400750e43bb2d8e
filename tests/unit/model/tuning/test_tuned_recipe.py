"""The file of a tuned recipe: it extends the given one, and is the recipe that was tried."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.training.recipes.recipe import load_recipe, override
from model.tuning.report import Result
from model.tuning.space import Values, search_space
from model.tuning.study import Trial
from model.tuning.tuned_recipe import trial_rows, tuned_recipe

OTHER: Values = {
    "network.layers": 2,
    "network.units": 9,
    "network.dropout": 0.123456,
    "network.activation": "gelu",
    "training.learning_rate": 0.0012345,
    "training.l2": 1e-5,
    "training.batch_size": 16,
    "training.jitter": 0.2,
}


def result_of(own: Values, best: int) -> Result:
    trials = [Trial(0, True, own, np.ones(3)), Trial(4, False, OTHER, np.ones(3))]
    losses = np.array([0.5, 0.25 if best else 0.75])
    return Result(trials, losses, best, 0.4, -0.1, (-0.2, 0.0), 1)


@pytest.mark.parametrize("name", ["wisconsin", "folder/my.toml"])
def test_the_file_is_the_recipe_that_was_tried(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "folder" / "my.toml").write_text('extends = "wisconsin"\nname = "my"\n')
    recipe = load_recipe(name)
    space = search_space(recipe, 600)
    file = Path("other/tuned.toml")
    text = tuned_recipe(recipe, name, file, space, result_of(space.own(), 1), ["0.4  the search"])
    file.write_text(text)
    written, tried = load_recipe(str(file)), override(recipe, space.overrides(OTHER))
    assert written.name == f"{recipe.name}-tuned"
    for key in ("network", "training", "scaling"):
        assert written.facts["recipe"][key] == tried.facts["recipe"][key]
    assert replace(written.training) == tried.training
    assert written.data.file.resolve() == recipe.data.file.resolve()
    assert "# 0.4  the search" in text
    assert "0.00123" in text


def test_only_changed_keys_are_written(tmp_path: Path) -> None:
    recipe = load_recipe("wisconsin")
    space = search_space(recipe, 600)
    values: dict[str, Any] = {**space.own(), "training.learning_rate": 0.02}
    result = result_of(space.own(), 1)
    trials = [result.trials[0], replace(result.trials[1], values=values)]
    text = tuned_recipe(
        recipe, "wisconsin", tmp_path / "t.toml", space, replace(result, trials=trials), []
    )
    found = tomllib.loads(text)
    assert found == {
        "extends": "wisconsin",
        "name": "wisconsin-tuned",
        "training": {"learning_rate": 0.02},
    }


def test_the_recipe_as_given_may_win(tmp_path: Path) -> None:
    recipe = load_recipe("wisconsin")
    space = search_space(recipe, 600)
    text = tuned_recipe(
        recipe, "wisconsin", tmp_path / "t.toml", space, result_of(space.own(), 0), []
    )
    assert tomllib.loads(text) == {"extends": "wisconsin", "name": "wisconsin-tuned"}


def test_a_long_name_is_shortened(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(f'extends = "wisconsin"\nname = "{"a" * 64}"\n')
    recipe = load_recipe(str(path))
    space = search_space(recipe, 600)
    file = tmp_path / "t.toml"
    file.write_text(tuned_recipe(recipe, str(path), file, space, result_of(space.own(), 0), []))
    assert load_recipe(str(file)).name == f"{'a' * 58}-tuned"


def test_the_best_trials_are_first() -> None:
    space = search_space(load_recipe("wisconsin"), 600)
    heads, first, second = trial_rows(space, result_of(space.own(), 1))
    assert heads[:4] == ["trial", "loss", "layers", "units"]
    assert first[:5] == ["4", "0.25000", "2", "9", "0.123"]
    assert second[:3] == ["0", "0.50000", "as given"]

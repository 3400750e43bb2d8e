"""Search space: settings that suit the recipe, and keys of a recipe that can be used."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.training.recipes.bundled import bundled_recipes
from model.training.recipes.recipe import Recipe, load_recipe, override
from model.tuning.space import Choice, Range, Space, search_space

ROWS = 600


def recipe_with(folder: Path, text: str) -> Recipe:
    path = folder / "my.toml"
    path.write_text(f'extends = "wisconsin"\n{text}')
    return load_recipe(str(path))


def drawn_values(data: st.DataObject, space: Space) -> dict[str, Any]:
    """Draw a value of each setting."""
    values: dict[str, Any] = {}
    for name, each in space.settings.items():
        if isinstance(each, Choice):
            values[name] = data.draw(st.sampled_from(each.values))
        elif each.is_whole:
            values[name] = data.draw(st.integers(int(each.low), int(each.high)))
        else:
            values[name] = data.draw(st.floats(each.low, each.high))
    return values


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("name", bundled_recipes())
@given(data=st.data())
def test_every_point_is_a_recipe(name: str, data: st.DataObject) -> None:
    recipe = load_recipe(name)
    space = search_space(recipe, ROWS)
    tuned = override(recipe, space.overrides(drawn_values(data, space)))
    assert tuned.schema == recipe.schema
    assert tuned.data == recipe.data
    assert tuned.facts["description"] == recipe.facts["description"]


@pytest.mark.parametrize("name", bundled_recipes())
def test_the_own_values_are_in_the_space(name: str) -> None:
    space = search_space(load_recipe(name), ROWS)
    assert set(space.own()) == set(space.settings)
    for key, value in space.own().items():
        setting = space.settings[key]
        if isinstance(setting, Range):
            assert not isinstance(value, str)
            assert setting.low <= value <= setting.high
        else:
            assert value in setting.values


def test_own_values_are_those_of_the_recipe() -> None:
    space = search_space(load_recipe("wisconsin"), ROWS)
    own = space.own()
    assert own["network.layers"] == 1
    assert own["network.units"] == 30
    assert own["network.activation"] == "relu"
    assert own["training.learning_rate"] == pytest.approx(0.01)
    assert own["training.batch_size"] == 64
    overrides = space.overrides(own)
    assert overrides["network"] == {"hidden": [{"units": 30, "activation": "relu"}]}
    assert overrides["training"]["augmentation"] == [{"name": "jitter", "standard_deviation": 0.55}]


def test_layers_before_the_dense_ones_are_kept(tmp_path: Path) -> None:
    text = 'network.hidden = [{name = "gaussian_noise", standard_deviation = 0.1}, {units = 8}]'
    space = search_space(recipe_with(tmp_path, text), ROWS)
    values = {**space.own(), "network.layers": 2, "network.dropout": 0.25}
    dropout = {"name": "dropout", "rate": 0.25}
    noise = {"name": "gaussian_noise", "standard_deviation": 0.1}
    assert space.overrides(values)["network"]["hidden"] == [
        noise,
        {"units": 8},
        dropout,
        {"units": 8},
        dropout,
    ]


@pytest.mark.parametrize("name", ["xor-linear", "logistic-regression"])
def test_other_networks_keep_their_layers(name: str) -> None:
    space = search_space(load_recipe(name), ROWS)
    assert not any(key.startswith("network") for key in space.settings)
    assert "network" not in space.overrides(space.own())


def test_a_small_table_keeps_its_batch_size() -> None:
    assert "training.batch_size" not in search_space(load_recipe("wisconsin"), 40).settings


def test_weight_decay_replaces_l2() -> None:
    optimizer = {"name": "adamw", "weight_decay": 0.02, "learning_rate": 0.003}
    training = {"learning_rate": None, "optimizer": optimizer}
    space = search_space(override(load_recipe("xor"), {"training": training}), ROWS)
    assert "training.l2" not in space.settings
    own = space.own()
    assert own["training.optimizer.learning_rate"] == pytest.approx(0.003)
    values = {**own, "training.optimizer.learning_rate": 0.0012345}
    overrides = space.overrides(values)["training"]
    assert overrides["optimizer"] == {**optimizer, "learning_rate": 0.00123}
    assert "learning_rate" not in overrides


def test_a_named_optimizer_becomes_a_table_for_its_weight_decay() -> None:
    recipe = override(load_recipe("xor"), {"training": {"optimizer": "adamw"}})
    space = search_space(recipe, ROWS)
    values = {**space.own(), "training.optimizer.weight_decay": 0.05}
    overrides = space.overrides(values)
    assert overrides["training"]["optimizer"] == {"name": "adamw", "weight_decay": 0.05}
    assert override(recipe, overrides).training.optimizer.weight_decay == 0.05


def test_other_augmentation_is_kept() -> None:
    assert "training.jitter" not in search_space(load_recipe("overfit-mixup"), ROWS).settings


def test_intervals_are_searched_where_there_are_any(tmp_path: Path) -> None:
    assert "scaling.intervals" not in search_space(load_recipe("wisconsin"), ROWS).settings
    space = search_space(recipe_with(tmp_path, "scaling.intervals = 8"), ROWS)
    values = {**space.own(), "scaling.intervals": 16}
    assert space.own()["scaling.intervals"] == 8
    assert space.overrides(values)["scaling"] == {"intervals": 16}

"""Thresholds, calibration and a band to refer: what a recipe may say, and what comes of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import DataError, RecipeError
from model.pipelines.prepare import prepare
from model.prediction.calibration import Isotonic, Temperature
from model.training.batches.rows import Rows
from model.training.decisions.decisions import decide, decide_without
from model.training.decisions.operating_points import operating_points
from model.training.fitting.loop import minimize
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.recipes.sections import NAMES

ENSEMBLE = "ensemble = { members = 3 }\n"


def recipe_of(folder: Path, text: str, base: str = "article") -> Recipe:
    path = folder / "my.toml"
    path.write_text(f'extends = "{base}"\n{text}')
    return load_recipe(str(path))


def told(rows: int = 600) -> tuple[Array, Array, Array]:
    """Labels, probabilities that are far too sure, and groups."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, rows)
    labels = generator.random(rows) < 1 / (1 + np.exp(-logits))
    return labels, 1 / (1 + np.exp(-3 * logits)), np.arange(rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_threshold_by_name(tmp_path: Path, name: str) -> None:
    costs = "decision.costs = { miss = 10.0, false_alarm = 0.5 }\n"
    recipe = recipe_of(tmp_path, f'{ENSEMBLE}{costs}threshold = "{name}"')
    labels, probabilities, groups = told()
    found = decide(recipe, labels, probabilities, groups)
    points = operating_points(labels, probabilities, {"miss": 10.0, "false_alarm": 0.5})
    assert found.operating_points == {"default": points[name], **points}
    assert next(iter(found.operating_points)) == "default"
    assert (found.calibration, found.refer, found.facts) == (None, None, {"method": "none"})


@pytest.mark.parametrize(("text", "default"), [("threshold = 0.3", 0.3), ("threshold = 1", 1.0)])
def test_a_threshold_that_is_a_number(tmp_path: Path, text: str, default: float) -> None:
    recipe = recipe_of(tmp_path, ENSEMBLE + text)
    assert decide(recipe, *told()).operating_points["default"] == default
    assert decide_without(recipe).operating_points == {"default": default}


def test_without_a_threshold_there_is_none_but_one_half(tmp_path: Path) -> None:
    assert decide_without(recipe_of(tmp_path, "")).operating_points == {"default": 0.5}
    assert decide_without(load_recipe("regression")).operating_points == {}


def test_refer_by_names_and_numbers(tmp_path: Path) -> None:
    labels, probabilities, groups = told()
    for text, names in (
        ('["sensitivity-99", "specificity-99"]', ("sensitivity-99", "specificity-99")),
        ('["sensitivity-99", 0.9]', ("sensitivity-99", None)),
    ):
        recipe = recipe_of(tmp_path, f"{ENSEMBLE}decision.refer = {text}")
        found = decide(recipe, labels, probabilities, groups)
        expected = [0.9 if n is None else found.operating_points[n] for n in names]
        assert found.refer == tuple(expected)
    alone = recipe_of(tmp_path, "decision.refer = [0.2, 0.9]")  # numbers need no ensemble
    assert decide_without(alone).refer == (0.2, 0.9)


@pytest.mark.parametrize("text", ['["specificity-99", "sensitivity-99"]', "[0.5, 0.5]"])
def test_two_thresholds_that_leave_no_band(tmp_path: Path, text: str) -> None:
    recipe = recipe_of(tmp_path, f"{ENSEMBLE}decision.refer = {text}")
    assert decide(recipe, *told()).refer is None


@pytest.mark.parametrize(
    ("method", "kind"),
    [("temperature", Temperature), ("isotonic", Isotonic), ("choose", Temperature)],
)
def test_thresholds_are_of_calibrated_probabilities(
    tmp_path: Path, method: str, kind: type
) -> None:
    recipe = recipe_of(tmp_path, f'{ENSEMBLE}decision.calibration = "{method}"')
    labels, probabilities, groups = told()
    found = decide(recipe, labels, probabilities, groups)
    assert found.calibration is not None
    assert isinstance(found.calibration, kind)
    calibrated = found.calibration.apply(probabilities)
    points = operating_points(labels, calibrated, {"miss": 1.0, "false_alarm": 1.0})
    assert found.operating_points == {"default": 0.5, **points}
    assert found.facts["method"] == found.calibration.method
    assert ("log_loss_across_folds" in found.facts) == (method == "choose")


@pytest.mark.parametrize("labels", [np.ones(5, bool), np.zeros(5, bool), np.ones(0, bool)])
@pytest.mark.parametrize("method", ["none", "temperature", "choose"])
def test_one_class_out_of_bag_tells_nothing(tmp_path: Path, labels: Array, method: str) -> None:
    recipe = recipe_of(tmp_path, f'{ENSEMBLE}decision.calibration = "{method}"')
    with pytest.raises(DataError, match=r"^ensemble.bagged: rows of both classes must be out of "):
        decide(recipe, labels, np.linspace(0.1, 0.9, len(labels)), np.arange(len(labels)))


NEEDS = "needs task binary, and an ensemble that is bagged"
CHOICES = "must be a number from 0 to 1, or one of balanced, sensitivity-99, specificity-99, cost"


@pytest.mark.parametrize("ensemble", ["", "ensemble = { members = 3, bagged = false }\n"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('threshold = "balanced"', f"threshold: balanced {NEEDS}"),
        ('decision.calibration = "choose"', f"decision.calibration: choose {NEEDS}"),
        ('decision.refer = [0.1, "cost"]', f"decision.refer: cost {NEEDS}"),
    ],
)
def test_what_needs_rows_out_of_bag(tmp_path: Path, ensemble: str, text: str, why: str) -> None:
    assert recipe_of(tmp_path, ENSEMBLE + text).ensemble
    with pytest.raises(RecipeError, match=f": {why}$"):
        recipe_of(tmp_path, ensemble + text)


@pytest.mark.parametrize(
    ("base", "text", "why"),
    [
        ("digits", f"{ENSEMBLE}decision.calibration = 'isotonic'", f"isotonic {NEEDS}"),
        ("digits", f"{ENSEMBLE}decision.refer = [0.1, 0.2]", "decision.refer: is for task binary"),
        ("regression", "threshold = 0.5", "threshold: task regression has none"),
        ("multi-label", f"{ENSEMBLE}threshold = 'cost'", f"threshold: cost {NEEDS}"),
    ],
)
def test_what_another_task_has_not(tmp_path: Path, base: str, text: str, why: str) -> None:
    with pytest.raises(RecipeError, match=f"{why}$"):
        recipe_of(tmp_path, text, base)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("threshold = 'balance'", f"threshold: {CHOICES}, got 'balance'"),
        ("threshold = 1.5", f"threshold: {CHOICES}, got 1.5"),
        ("threshold = nan", f"threshold: {CHOICES}, got nan"),
        ("threshold = true", f"threshold: {CHOICES}, got True"),
        ("threshold = 'default'", f"threshold: {CHOICES}, got 'default'"),
        ("decision.refer = [0.1]", "decision.refer: must be two thresholds"),
        ("decision.refer = [0.1, 0.2, 0.3]", "decision.refer: must be two thresholds"),
        ("decision.refer = [0.1, 'high']", f"decision.refer: {CHOICES}"),
        ("decision.refer = 0.1", "decision.refer: should be a valid list, got 0.1"),
        ("decision.calibration = 'platt'", "decision.calibration: should be 'none', 'temperature'"),
        ("decision.costs.miss = 0", "decision.costs.miss: should be greater than 0"),
        ("decision.costs.false_alarm = inf", "decision.costs.false_alarm: should be a finite"),
        ("decision.costs.mis = 1", "decision.costs.mis: unknown key; did you mean miss?"),
        ("decision.refers = []", "decision.refers: unknown key; did you mean refer?"),
        ("ensemble.members = 1", "ensemble.members: should be greater than or equal to 2"),
        ("ensemble.members = 1001", "ensemble.members: should be less than or equal to 1000"),
        ("ensemble.members = 2.0", "ensemble.members: should be a valid integer"),
        ("ensemble.bagged = true", "ensemble.members: is required"),
        (
            "ensemble = { members = 3, bag = true }",
            "ensemble.bag: unknown key; did you mean bagged?",
        ),
        (
            "ensemble = { members = 3, of = 2 }",
            "ensemble.of: unknown key; the keys here are members, bagged",
        ),
        ("ensemble.member = 3", "ensemble.member: unknown key; did you mean members?"),
        (
            f"{ENSEMBLE}training.learning_rate = [0.1, 0.2, 0.3]",
            "training.learning_rate must be one number for all members",
        ),
    ],
)
def test_wrong_keys_and_values(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(RecipeError) as error:
        recipe_of(tmp_path, text)
    found: Any = str(error.value).split(": ", 1)[1]
    assert found.startswith(why)


def test_mixup_would_bring_rows_into_a_bag(tmp_path: Path) -> None:
    mixup = '[training]\naugmentation = ["mixup"]\n'
    why = r"training.augmentation: mixup mixes rows that are out of a member's bag into it"
    with pytest.raises(RecipeError, match=why):
        recipe_of(tmp_path, ENSEMBLE + mixup)
    recipe_of(tmp_path, "ensemble = { members = 3, bagged = false }\n" + mixup)


def test_what_is_out_of_bag_has_no_say(tmp_path: Path) -> None:
    """Other labels of the rows that no member has in its bag leave its weights as they are."""
    prepared = prepare(recipe_of(tmp_path, "training.epochs = 5", "wisconsin"))
    assert prepared.bags is not None
    rows, bag = prepared.training_rows(), prepared.bags[0]
    assert isinstance(rows, Rows)
    alone = Rows(rows.inputs, rows.targets, bag)
    flipped = Rows(rows.inputs, np.asarray(rows.targets) ^ (bag == 0)[:, None], bag)
    found = [
        minimize(prepared.network, prepared.theta[0], prepared.training, each).theta
        for each in (alone, flipped)
    ]
    np.testing.assert_array_equal(found[0], found[1])

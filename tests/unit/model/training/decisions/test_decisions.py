"""Decisions: default threshold, operating points, calibration and refer band of a recipe."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import DataError, RecipeError
from model.pipelines.prepare import prepare
from model.prediction.calibration import Isotonic, Logistic, SoftmaxTemperature, Temperature
from model.prediction.predictor import ScoredRows
from model.training.batches.rows import Rows
from model.training.decisions import decisions
from model.training.decisions.decisions import Decisions
from model.training.decisions.operating_points import operating_points
from model.training.fitting.loop import minimize
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.recipes.sections import OPERATING_POINTS
from model.training.tables.partitions import read_partitions

ENSEMBLE = "ensemble = { members = 3 }\n"


def recipe_of(folder: Path, text: str, base: str = "article") -> Recipe:
    path = folder / "my.toml"
    path.write_text(f'extends = "{base}"\n{text}')
    return load_recipe(str(path))


def decide(
    recipe: Recipe,
    labels: Array,
    probabilities: Array,
    groups: Array,
    weights: Array | None = None,
) -> Decisions:
    rows = (each if each.ndim > 1 else each[:, None] for each in (labels, probabilities))
    scored = replace(ScoredRows.ungrouped(*rows), groups=groups)
    target, seed = recipe.schema.target, recipe.split.seed
    return decisions.decide(recipe.threshold, recipe.decision, target, scored, seed, weights)


def default_decisions(recipe: Recipe) -> Decisions:
    return decisions.default_decisions(recipe.threshold, recipe.decision)


def out_of_bag_rows(rows: int = 600) -> tuple[Array, Array, Array]:
    """Return labels, overconfident probabilities, and groups."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, rows)
    labels = generator.random(rows) < 1 / (1 + np.exp(-logits))
    return labels, 1 / (1 + np.exp(-3 * logits)), np.arange(rows)


@pytest.mark.parametrize("name", OPERATING_POINTS)
def test_threshold_can_be_an_operating_point(tmp_path: Path, name: str) -> None:
    costs = "decision.costs = { miss = 10.0, false_alarm = 0.5 }\n"
    recipe = recipe_of(tmp_path, f'{ENSEMBLE}{costs}threshold = "{name}"')
    labels, probabilities, groups = out_of_bag_rows()
    found = decide(recipe, labels, probabilities, groups)
    points = operating_points(labels, probabilities, {"miss": 10.0, "false_alarm": 0.5})
    assert found.operating_points == {"default": points[name], **points}
    assert next(iter(found.operating_points)) == "default"
    assert (found.calibration, found.refer, found.facts) == (None, None, {"method": "none"})


@pytest.mark.parametrize(("text", "default"), [("threshold = 0.3", 0.3), ("threshold = 1", 1.0)])
def test_threshold_can_be_a_number(tmp_path: Path, text: str, default: float) -> None:
    recipe = recipe_of(tmp_path, ENSEMBLE + text)
    assert decide(recipe, *out_of_bag_rows()).operating_points["default"] == default
    assert default_decisions(recipe).operating_points == {"default": default}


def test_threshold_defaults_to_one_half(tmp_path: Path) -> None:
    assert default_decisions(recipe_of(tmp_path, "")).operating_points == {"default": 0.5}
    assert default_decisions(load_recipe("regression")).operating_points == {}


def test_refer_band_of_names_and_numbers(tmp_path: Path) -> None:
    labels, probabilities, groups = out_of_bag_rows()
    for text, names in (
        ('["sensitivity-99", "specificity-99"]', ("sensitivity-99", "specificity-99")),
        ('["sensitivity-99", 0.9]', ("sensitivity-99", None)),
    ):
        recipe = recipe_of(tmp_path, f"{ENSEMBLE}decision.refer = {text}")
        found = decide(recipe, labels, probabilities, groups)
        expected = [0.9 if n is None else found.operating_points[n] for n in names]
        assert found.refer == tuple(expected)
    single = recipe_of(tmp_path, "decision.refer = [0.2, 0.9]")  # numbers need no ensemble
    assert default_decisions(single).refer == (0.2, 0.9)


@pytest.mark.parametrize("text", ['["specificity-99", "sensitivity-99"]', "[0.5, 0.5]"])
def test_refer_is_none_if_thresholds_leave_no_band(tmp_path: Path, text: str) -> None:
    recipe = recipe_of(tmp_path, f"{ENSEMBLE}decision.refer = {text}")
    assert decide(recipe, *out_of_bag_rows()).refer is None


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("temperature", Temperature),
        ("logistic", Logistic),
        ("isotonic", Isotonic),
        ("choose", Temperature),
    ],
)
def test_thresholds_apply_to_calibrated_probabilities(
    tmp_path: Path, method: str, kind: type
) -> None:
    recipe = recipe_of(tmp_path, f'{ENSEMBLE}decision.calibration = "{method}"')
    labels, probabilities, groups = out_of_bag_rows()
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
def test_single_class_out_of_bag_is_rejected(tmp_path: Path, labels: Array, method: str) -> None:
    recipe = recipe_of(tmp_path, f'{ENSEMBLE}decision.calibration = "{method}"')
    with pytest.raises(DataError, match=r"^ensemble.bagged: rows of both classes must be out of "):
        decide(recipe, labels, np.linspace(0.1, 0.9, len(labels)), np.arange(len(labels)))


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
@pytest.mark.parametrize("method", ["temperature", "choose", "none"])
def test_probabilities_of_classes_and_labels_are_calibrated(
    tmp_path: Path, task: str, method: str
) -> None:
    base = {"multi_class": "digits", "multi_label": "multi-label"}[task]
    recipe = recipe_of(tmp_path, f'{ENSEMBLE}decision.calibration = "{method}"', base)
    generator, outputs = np.random.default_rng(0), len(recipe.schema.target.names)
    logits = generator.normal(0, 2, (900, outputs))
    if task == "multi_class":
        true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        sharp = true**3 / (true**3).sum(axis=1, keepdims=True)
        targets = (true.cumsum(axis=1) < generator.random((900, 1))).sum(axis=1)[:, None]
    else:
        true, sharp = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-3 * logits))
        targets = generator.random((900, outputs)) < true
    found = decide(recipe, targets, sharp, np.arange(900))
    assert set(found.operating_points) == ({"default"} if task == "multi_label" else set())
    if method == "none":
        assert (found.calibration, found.facts) == (None, {"method": "none"})
        return
    kind = SoftmaxTemperature if task == "multi_class" else Temperature
    assert isinstance(found.calibration, kind)
    assert found.calibration.temperature == pytest.approx(3, rel=0.15)
    assert found.facts["method"] == found.calibration.method
    np.testing.assert_allclose(found.calibration.apply(sharp), true, atol=0.05)


def test_weights_count_rows(tmp_path: Path) -> None:
    """A row of weight 2 counts as two rows, and a row of weight 0 as none."""
    labels, probabilities, groups = out_of_bag_rows()
    weights = (np.arange(600) % 3).astype(float)
    recipe = recipe_of(tmp_path, f'{ENSEMBLE}decision.calibration = "logistic"')
    found = decide(recipe, labels, probabilities, groups, weights)
    repeats = weights.astype(int)
    parts = (np.repeat(part, repeats) for part in (labels, probabilities, groups))
    expected = decide(recipe, *parts)
    assert isinstance(found.calibration, Logistic)
    assert isinstance(expected.calibration, Logistic)
    assert found.calibration.slope == pytest.approx(expected.calibration.slope, rel=0.01)
    assert found.operating_points == pytest.approx(expected.operating_points, abs=0.02)


def test_regression_has_no_decisions() -> None:
    recipe = load_recipe("regression")
    found = decide(recipe, np.arange(5.0), np.arange(5.0), np.arange(5))
    assert found == Decisions({})


NEEDS = "needs task binary, and an ensemble that is bagged"
CALIBRATION_NEEDS = "needs a task with classes or labels, and an ensemble that is bagged"
CHOICES = "must be a number from 0 to 1, or one of balanced, sensitivity-99, specificity-99, cost"


@pytest.mark.parametrize("ensemble", ["", "ensemble = { members = 3, bagged = false }\n"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('threshold = "balanced"', f"threshold: balanced {NEEDS}"),
        ('decision.calibration = "choose"', f"decision.calibration: choose {CALIBRATION_NEEDS}"),
        ('decision.calibration = "logistic"', f"decision.calibration: logistic {NEEDS}"),
        ('decision.refer = [0.1, "cost"]', f"decision.refer: cost {NEEDS}"),
    ],
)
def test_key_that_needs_out_of_bag_rows_is_rejected(
    tmp_path: Path, ensemble: str, text: str, message: str
) -> None:
    assert recipe_of(tmp_path, ENSEMBLE + text).ensemble
    with pytest.raises(RecipeError, match=f": {message}$"):
        recipe_of(tmp_path, ensemble + text)


@pytest.mark.parametrize(
    ("base", "text", "message"),
    [
        ("digits", f"{ENSEMBLE}decision.calibration = 'isotonic'", f"isotonic {NEEDS}"),
        ("digits", f"{ENSEMBLE}decision.refer = [0.1, 0.2]", "decision.refer: is for task binary"),
        ("regression", f"{ENSEMBLE}decision.calibration = 'choose'", f"{CALIBRATION_NEEDS}"),
        ("multi-label", f"{ENSEMBLE}decision.calibration = 'logistic'", f"logistic {NEEDS}"),
        ("regression", "threshold = 0.5", "threshold: task regression has none, remove this key"),
        ("multi-label", f"{ENSEMBLE}threshold = 'cost'", f"threshold: cost {NEEDS}"),
    ],
)
def test_key_of_another_task_is_rejected(
    tmp_path: Path, base: str, text: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=f"{message}$"):
        recipe_of(tmp_path, text, base)


@pytest.mark.parametrize(
    ("text", "message"),
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
def test_invalid_keys_and_values_are_rejected(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        recipe_of(tmp_path, text)
    found: Any = str(error.value).split(": ", 1)[1]
    assert found.startswith(message)


def test_mixup_is_rejected_with_bagging(tmp_path: Path) -> None:
    mixup = '[training]\naugmentation = ["mixup"]\n'
    message = r"training.augmentation: mixup mixes rows that are out of a member's bag into it"
    with pytest.raises(RecipeError, match=message):
        recipe_of(tmp_path, ENSEMBLE + mixup)
    recipe_of(tmp_path, "ensemble = { members = 3, bagged = false }\n" + mixup)


def test_out_of_bag_rows_do_not_affect_the_weights(tmp_path: Path) -> None:
    """Flipping the labels of a member's out-of-bag rows does not change its weights."""
    recipe = recipe_of(tmp_path, "training.epochs = 5", "wisconsin")
    prepared = prepare(recipe, read_partitions(recipe))
    assert prepared.bags is not None
    rows, bag = prepared.training_rows(), prepared.bags[0]
    assert isinstance(rows, Rows)
    original = Rows(rows.inputs, rows.targets, bag)
    flipped = Rows(rows.inputs, np.asarray(rows.targets) ^ (bag == 0)[:, None], bag)
    found = [
        minimize(prepared.network, prepared.theta[0], recipe.training, each).theta
        for each in (original, flipped)
    ]
    np.testing.assert_array_equal(found[0], found[1])

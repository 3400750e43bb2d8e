"""Assessments of every kind of target: metrics, scores and intervals, also by scikit-learn."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import DataError
from model.evaluation.assessment import WITHOUT_INTERVAL, assess, statistics_of
from model.evaluation.calibration import calibration_error_floor
from model.evaluation.intervals import grouped_bootstrap
from model.evaluation.metrics import log_loss, scores
from model.metrics.confusion_matrix import wilson_interval
from model.metrics.threshold_metrics import metrics_at_threshold
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

BINARY = Binary(negative="benign", positive="malignant")
COLOURS = MultiClass(classes=("red", "green", "blue"))
PETS = MultiLabel(labels=("cat", "dog"))
SIZES = Regression(outputs=("height", "mass"))


def scored_rows(target: Target, rows: int = 120) -> ScoredRows:
    generator = np.random.default_rng(0)
    if isinstance(target, MultiClass):
        predictions = generator.dirichlet(np.ones(3), rows)
        drawn = (generator.random((rows, 1)) > predictions.cumsum(axis=1)).sum(axis=1)
        return ScoredRows.ungrouped(np.minimum(drawn, 2)[:, None], predictions)
    if isinstance(target, Regression):
        truth = generator.normal([[170, 70]], [[10, 8]], (rows, 2))
        return ScoredRows.ungrouped(truth, truth + generator.normal(1, 4, (rows, 2)))
    predictions = generator.random((rows, len(target.names)))
    return ScoredRows.ungrouped(generator.random(predictions.shape) < predictions, predictions)


def values(assessed: dict[str, Any]) -> dict[str, float | None]:
    return {name: score["value"] for name, score in assessed.items()}


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("target", [BINARY, COLOURS, PETS, SIZES], ids=lambda each: each.task)
def test_assessment_contains_the_metrics_and_is_plain_data(target: Target) -> None:
    scored = scored_rows(target)
    assessed = assess(target, scored, 0.5)
    assert json.loads(json.dumps(assessed, allow_nan=False))["rows"] == 120
    given = metrics_at_threshold(target, scored, 0.5)
    assert {name: assessed[name] for name in given} == given
    assert set(assessed) == {*given, "scores"}
    with pytest.raises(DataError, match="no rows"):
        assess(target, ScoredRows.ungrouped(scored.targets[:0], scored.predictions[:0]), 0.5)


@pytest.mark.usefixtures("few_draws")
def test_scores_of_a_binary_target() -> None:
    scored = scored_rows(BINARY)
    assessed = assess(BINARY, scored, 0.5)
    assert list(assessed["scores"]) == [
        "roc_auc",
        "average_precision",
        "log_loss",
        "brier",
        "brier_reliability",
        "brier_resolution",
        "brier_uncertainty",
        "brier_within_bins",
        "calibration_error",
        "calibration_slope",
        "calibration_intercept",
        "specificity_at_sensitivity_99",
        "sensitivity_at_specificity_99",
        "calibration_error_floor",
    ]
    found = values(assessed["scores"])
    stored = scores(BINARY, scored)
    assert {name: found[name] for name in stored} == stored
    assert found["calibration_error_floor"] == calibration_error_floor(scored.predictions[:, 0])
    correct = round(assessed["accuracy"] * 120)
    assert assessed["intervals"]["accuracy"] == wilson_interval(correct, 120)
    none = {name for name, score in assessed["scores"].items() if score["interval"] is None}
    assert none == {"calibration_error", "calibration_error_floor", "brier_reliability"}
    for name in ("roc_auc", "log_loss", "brier", "calibration_slope", "calibration_intercept"):
        low, high = assessed["scores"][name]["interval"]
        assert low < found[name] < high


@pytest.mark.usefixtures("few_draws")
def test_scores_without_positives() -> None:
    scored = ScoredRows.ungrouped(np.zeros((20, 1), bool), np.linspace(0.1, 0.6, 20)[:, None])
    assessed = assess(BINARY, scored, 0.5)["scores"]
    for name in ("roc_auc", "calibration_slope", "specificity_at_sensitivity_99"):
        assert assessed[name] == {"value": None, "interval": None}
    assert assessed["brier_uncertainty"] == {"value": 0, "interval": [0, 0]}


def test_groups_widen_the_intervals() -> None:
    one = scored_rows(SIZES)
    four = ScoredRows.ungrouped(
        np.repeat(one.targets, 4, axis=0), np.repeat(one.predictions, 4, axis=0)
    )
    groups = np.repeat(np.arange(120), 4)
    single, grouped, naive = (
        assess(SIZES, scored, np.nan)["scores"]["mass"]["mean_error"]["interval"]
        for scored in (one, replace(four, groups=groups), four)
    )
    assert grouped == pytest.approx(single)
    assert naive[1] - naive[0] < 0.6 * (grouped[1] - grouped[0])


@pytest.mark.usefixtures("few_draws")
def test_imputed_rows_alone() -> None:
    imputed = np.arange(120) % 6 == 0
    scored = scored_rows(BINARY)
    part = ScoredRows.ungrouped(scored.targets[imputed], scored.predictions[imputed])
    assessed = assess(BINARY, replace(scored, imputed=imputed), 0.7)
    assert assessed["imputed"] == {
        "rows": 20,
        "log_loss": log_loss(part.targets[:, 0], part.predictions[:, 0]),
        "accuracy": metrics_at_threshold(BINARY, part, 0.7)["accuracy"],
    }
    assert "imputed" not in assess(BINARY, scored, 0.7)
    numbers = scored_rows(SIZES)
    part = ScoredRows.ungrouped(numbers.targets[imputed], numbers.predictions[imputed])
    found = assess(SIZES, replace(numbers, imputed=imputed), np.nan)["imputed"]
    assert found == metrics_at_threshold(SIZES, part, np.nan)


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("target", [COLOURS, PETS], ids=lambda each: each.task)
def test_imputed_rows_of_classes_and_labels(target: Target) -> None:
    imputed, scored = np.arange(120) < 30, scored_rows(target)
    assessed = assess(target, replace(scored, imputed=imputed), 0.5)["imputed"]
    alone = ScoredRows.ungrouped(scored.targets[:30], scored.predictions[:30])
    again = assess(target, alone, 0.5)["scores"]
    assert assessed["rows"] == 30
    assert assessed["log_loss"] == again["log_loss"]["value"]
    assert assessed["accuracy"] == again["accuracy"]["value"]


@pytest.mark.usefixtures("few_draws")
def test_classes_against_scikit_learn() -> None:
    theirs = pytest.importorskip(
        "sklearn.metrics", reason="compares with scikit-learn, which is not a dependency"
    )
    scored = scored_rows(COLOURS)
    assessed = assess(COLOURS, scored, np.nan)["scores"]
    classes, p = scored.targets[:, 0], scored.predictions
    predicted = p.argmax(axis=1)
    found = values(assessed)
    highest, correct = p.max(axis=1), predicted == classes
    gaps = [
        inside.sum() * abs(highest[inside].mean() - correct[inside].mean())
        for number in range(10)
        if (inside := np.minimum((highest * 10).astype(int), 9) == number).any()
    ]
    assert found == pytest.approx(
        {
            "log_loss": theirs.log_loss(classes, p),
            "brier": theirs.brier_score_loss(classes, p, scale_by_half=False),
            "top_label_calibration_error": sum(gaps) / 120,
            "roc_auc": theirs.roc_auc_score(classes, p, multi_class="ovr", average="macro"),
            "accuracy": theirs.accuracy_score(classes, predicted),
            "balanced_accuracy": theirs.balanced_accuracy_score(classes, predicted),
            "macro_f1": theirs.f1_score(classes, predicted, average="macro"),
            "top_label_calibration_error_floor": calibration_error_floor(highest),
        }
    )
    for name, score in assessed.items():
        if name.removesuffix("_floor") not in WITHOUT_INTERVAL:
            assert score["interval"][0] < score["value"] < score["interval"][1]


@pytest.mark.usefixtures("few_draws")
def test_labels_against_scikit_learn() -> None:
    theirs = pytest.importorskip(
        "sklearn.metrics", reason="compares with scikit-learn, which is not a dependency"
    )
    scored = scored_rows(PETS)
    assessed = assess(PETS, scored, 0.4)["scores"]
    truth, p = scored.targets, scored.predictions
    losses = [theirs.log_loss(*pair) for pair in zip(truth.T, p.T, strict=True)]
    assert values(assessed) == pytest.approx(
        {
            "exact_match": theirs.accuracy_score(truth, p > 0.4),
            "accuracy": 1 - theirs.hamming_loss(truth, p > 0.4),
            "roc_auc": theirs.roc_auc_score(truth, p),
            "average_precision": theirs.average_precision_score(truth, p),
            "log_loss": np.mean(losses),
        }
    )
    for score in assessed.values():
        assert score["interval"][0] < score["value"] < score["interval"][1]


def test_numbers_by_output() -> None:
    scored = scored_rows(SIZES)
    assessed = assess(SIZES, scored, np.nan)
    for name in SIZES.outputs:
        assert values(assessed["scores"][name]) == assessed["outputs"][name]
        low, high = assessed["scores"][name]["mean_error"]["interval"]
        assert low < assessed["outputs"][name]["mean_error"] < high
        errors = (scored.predictions - scored.targets)[:, SIZES.outputs.index(name)]
        assert high - low == pytest.approx(2 * 1.96 * errors.std() / np.sqrt(120), rel=0.1)


def calibrated(rows: int, generator: np.random.Generator) -> tuple[Array, Array]:
    p = generator.random((rows, 1))
    return generator.random((rows, 1)) < p, p


def test_why_the_calibration_error_has_no_interval() -> None:
    """A calibrated model's true error is 0, and no resample's error is near it."""
    truth, p = calibrated(300, np.random.default_rng(0))
    found = grouped_bootstrap(statistics_of(BINARY, 0.5), truth, p)
    assert found["calibration_error"] is not None
    assert found["calibration_error"][0] > 0.5 * calibration_error_floor(p[:, 0])
    slope = found["calibration_slope"]
    assert slope is not None
    assert slope[0] < 1 < slope[1]

"""Metrics of every kind of target, with known values and against scikit-learn."""

import json
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.evaluation.metrics import scores
from model.metrics.threshold_metrics import class_confusion_matrix, metrics_at_threshold
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression

COLOURS = MultiClass(classes=("red", "green", "blue"))
PETS = MultiLabel(labels=("cat", "dog"))
MASS = Regression(outputs=("mass",))
NAN = float("nan")


def shares(generator: np.random.Generator, rows: int, classes: int) -> Array:
    return np.asarray(generator.dirichlet(np.ones(classes), rows))


def test_classes_with_known_values() -> None:
    truth = np.array([[0], [0], [1], [1], [1]])
    predictions = np.eye(3)[[0, 1, 1, 1, 0]]
    scored = ScoredRows.ungrouped(truth, predictions)
    assert class_confusion_matrix(scored).tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    found = metrics_at_threshold(COLOURS, scored, NAN)
    assert (found["rows"], found["accuracy"]) == (5, 3 / 5)
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["classes"]["blue"] == {
        "rows": 0,
        "sensitivity": None,
        "positive_predictive_value": None,
        "f1": None,
    }


def test_labels_with_known_values() -> None:
    truth = np.array([[True, False], [True, True], [False, False]])
    found = metrics_at_threshold(
        PETS, ScoredRows.ungrouped(truth, np.array([[0.9, 0.1], [0.9, 0.2], [0.4, 0.8]])), 0.5
    )
    assert (found["accuracy"], found["exact_match"]) == (4 / 6, 1 / 3)
    assert found["labels"]["cat"]["sensitivity"] == 1
    assert found["labels"]["dog"]["confusion_matrix"]["false_positive"] == 1


def test_numbers_with_known_values() -> None:
    truth = np.array([[1.0], [2.0], [3.0]])
    [found] = metrics_at_threshold(
        MASS, ScoredRows.ungrouped(truth, truth + np.array([[1], [0], [-2]])), NAN
    )["outputs"].values()
    assert found == pytest.approx(
        {
            "mean_error": -1 / 3,
            "mean_absolute_error": 1,
            "root_mean_squared_error": np.sqrt(5 / 3),
            "r_squared": 1 - 5 / 2,
        }
    )
    same = ScoredRows.ungrouped(np.ones((2, 1)), np.ones((2, 1)))
    assert metrics_at_threshold(MASS, same, NAN)["outputs"]["mass"]["r_squared"] is None


def test_no_rows_give_nulls() -> None:
    kinds: list[tuple[Any, int, int, Any]] = [
        (Binary(negative="n", positive="p"), 1, 1, bool),
        (COLOURS, 1, 3, np.int64),
        (PETS, 2, 2, bool),
        (MASS, 1, 1, float),
    ]
    for target, columns, outputs, dtype in kinds:
        none = ScoredRows.ungrouped(np.zeros((0, columns), dtype), np.zeros((0, outputs)))
        assert (
            json.loads(json.dumps(metrics_at_threshold(target, none, 0.5), allow_nan=False))["rows"]
            == 0
        )


def test_against_scikit_learn() -> None:
    theirs = pytest.importorskip(
        "sklearn.metrics", reason="compares with scikit-learn, which is not a dependency"
    )
    generator = np.random.default_rng(0)
    for _ in range(20):
        classes, predictions = generator.integers(0, 3, 200), shares(generator, 200, 3)
        scored = ScoredRows.ungrouped(classes[:, None], predictions)
        found, predicted = metrics_at_threshold(COLOURS, scored, NAN), predictions.argmax(axis=1)
        assert found["confusion_matrix"] == theirs.confusion_matrix(classes, predicted).tolist()
        assert found["accuracy"] == theirs.accuracy_score(classes, predicted)
        balanced = theirs.balanced_accuracy_score(classes, predicted)
        assert found["balanced_accuracy"] == pytest.approx(balanced)
        assert found["macro_f1"] == pytest.approx(
            theirs.f1_score(classes, predicted, average="macro")
        )
        score = scores(COLOURS, scored)
        assert score["log_loss"] == pytest.approx(theirs.log_loss(classes, predictions))
        area = theirs.roc_auc_score(classes, predictions, multi_class="ovr", average="macro")
        assert score["roc_auc"] == pytest.approx(area)

        truth, chance = generator.random((200, 2)) < 0.4, generator.random((200, 2))
        labelled = metrics_at_threshold(PETS, ScoredRows.ungrouped(truth, chance), 0.5)
        assert labelled["exact_match"] == theirs.accuracy_score(truth, chance > 0.5)
        hamming = 1 - theirs.hamming_loss(truth, chance > 0.5)
        assert labelled["accuracy"] == pytest.approx(hamming)
        score = scores(PETS, ScoredRows.ungrouped(truth, chance))
        assert score["roc_auc"] == pytest.approx(theirs.roc_auc_score(truth, chance))

        number, guess = generator.normal(0, 1, (2, 200))
        [errors] = metrics_at_threshold(
            MASS, ScoredRows.ungrouped(number[:, None], guess[:, None]), NAN
        )["outputs"].values()
        assert errors["r_squared"] == pytest.approx(theirs.r2_score(number, guess))
        rooted = theirs.root_mean_squared_error(number, guess)
        assert errors["root_mean_squared_error"] == pytest.approx(rooted)

"""Scores by subgroup against those of the subgroup's rows alone."""

from typing import Any

import numpy as np
import pytest

from model.evaluation import subgroups
from model.evaluation.metrics import log_loss, roc_auc
from model.evaluation.subgroups import subgroup_scores
from model.metrics.confusion_matrix import wilson_interval
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

BINARY = Binary(negative="n", positive="y")
generator = np.random.default_rng(0)
P, LABELS = generator.uniform(size=(90, 1)).round(1), generator.random((90, 1)) < 0.5
SITES = np.array(["north"] * 50 + ["south"] * 30 + [""] * 10)


def found(target: Target = BINARY, truth: Any = LABELS, predictions: Any = P) -> list[Any]:
    return subgroup_scores(target, ScoredRows.ungrouped(truth, predictions), 0.5, {"site": SITES})


def test_scores_are_those_of_the_rows() -> None:
    first, second, empty = found()
    assert [first["value"], second["value"], empty["value"]] == ["north", "south", ""]
    labels, p = LABELS[50:80, 0], P[50:80, 0]
    assert (second["rows"], second["positives"]) == (30, int(labels.sum()))
    scores = second["scores"]
    hits = int(((p > 0.5) == labels).sum())
    interval = wilson_interval(hits, 30)
    assert interval is not None
    assert scores["accuracy"] == {"value": hits / 30, "interval": list(interval)}
    assert scores["log_loss"]["value"] == pytest.approx(log_loss(labels, p))
    assert scores["roc_auc"]["value"] == pytest.approx(roc_auc(labels, p))
    for name in ("log_loss", "roc_auc"):
        low, high = scores[name]["interval"]
        assert low < scores[name]["value"] < high


def test_one_class_has_no_area() -> None:
    scores = found(truth=LABELS | (SITES == "south")[:, None])[1]["scores"]
    assert scores["roc_auc"] == {"value": None, "interval": None}


def test_other_targets() -> None:
    classes = generator.integers(0, 3, (90, 1))
    shares = np.full((90, 3), 0.2) + 0.4 * (np.arange(3) == 1)
    rows = found(MultiClass(classes=("a", "b", "c")), classes, shares)
    assert rows[0]["scores"]["accuracy"]["value"] == (classes[:50] == 1).mean()
    assert "positives" not in rows[0]
    labels = np.concatenate([LABELS, ~LABELS], axis=1)
    rows = found(MultiLabel(labels=("a", "b")), labels, np.concatenate([P, P], axis=1))
    assert list(rows[0]["scores"]) == ["accuracy", "log_loss"]
    rows = found(Regression(outputs=("a",)), P, P + 2)
    assert list(rows[0]["scores"]) == ["root_mean_squared_error"]
    assert rows[0]["scores"]["root_mean_squared_error"]["value"] == pytest.approx(2)


def test_numbers_of_subgroups_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subgroups, "MAX_VALUES", 2)
    monkeypatch.setattr(subgroups, "MAX_SUBGROUPS", 3)
    scored = ScoredRows.ungrouped(LABELS, P)
    rows = subgroup_scores(BINARY, scored, 0.5, {"one": SITES, "two": SITES})
    pairs = [(each["column"], each["value"]) for each in rows]
    assert pairs == [("one", "north"), ("one", "south"), ("two", "north")]

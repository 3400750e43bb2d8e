"""Tests of model.metrics.comparison: figures of every target, and which version is worse."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.random_model import TARGETS

from model.arrays import Array
from model.metrics.comparison import (
    PairedRows,
    compare,
    is_judged,
    is_worse,
    labels_of,
    largest_differences,
)
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression

BINARY = Binary(negative="benign", positive="malignant")


def paired(target: Any, rows: int = 200, noise: float = 0.2, seed: int = 0) -> PairedRows:
    """Return rows whose second predictions are further from the truth."""
    generator = np.random.default_rng(seed)
    truth: Array
    if isinstance(target, Regression):
        truth = generator.normal(0, 1, (rows, len(target.names)))
        first = truth + generator.normal(0, 0.1, truth.shape)
        second = truth + generator.normal(0, 0.1 + noise, truth.shape)
    elif isinstance(target, MultiClass):
        classes = len(target.classes)
        truth = generator.integers(0, classes, (rows, 1))
        near = np.eye(classes)[truth[:, 0]] * 0.7 + 0.1
        first = near / near.sum(axis=1, keepdims=True)
        far = near + generator.uniform(0, 5 * noise, near.shape)
        second = far / far.sum(axis=1, keepdims=True)
    else:
        truth = generator.random((rows, len(target.names))) < 0.4
        first = np.where(truth, 0.8, 0.2)
        second = np.clip(first + generator.normal(0, noise, first.shape), 0.01, 0.99)
    return PairedRows(
        target,
        first,
        second,
        np.full(rows, 0.5),
        np.arange(rows),
        truth,
        np.ones(rows, dtype=bool),
    )


@pytest.mark.parametrize("task", TARGETS)
def test_a_noisy_version_is_worse(task: str) -> None:
    rows = paired(TARGETS[task], noise=0.4)
    figures = compare(rows)
    assert json.loads(json.dumps(figures, allow_nan=False))["rows"] == 200
    assert is_judged(figures)
    assert is_worse(figures)
    swapped = compare(replace(rows, first=rows.second, second=rows.first))
    assert is_worse(swapped) == []
    same = compare(replace(rows, second=rows.first))
    assert is_worse(same) == []
    assert largest_differences(replace(rows, second=rows.first), 20).size == 0
    for name, figure in figures["truth"]["figures"].items():
        assert figure["difference"] == pytest.approx(figure["second"] - figure["first"])
        assert swapped["truth"]["figures"][name]["difference"] == pytest.approx(
            -figure["difference"]
        )


def test_figures_of_a_binary_target() -> None:
    first = np.array([[0.1], [0.9], [0.6], [0.4]])
    second = np.array([[0.2], [0.3], [0.7], [0.8]])
    known = np.array([True, True, True, False])
    rows = PairedRows(
        BINARY,
        first,
        second,
        np.array([0.5, 0.5, 0.65, 0.5]),
        np.arange(4),
        np.array([[False], [True], [True], [False]]),
        known,
    )
    figures = compare(rows)
    assert figures["agreement"]["rows"] == 1
    assert figures["agreement"]["share"] == 0.25
    assert figures["agreement"]["changes"] == [
        {"from": "benign", "to": "malignant", "rows": 2},
        {"from": "malignant", "to": "benign", "rows": 1},
    ]
    assert figures["agreement"]["mcnemar"] == {"first_only": 1, "second_only": 2, "p": 1}
    difference = figures["difference"]["malignant"]
    assert difference["mean"] == pytest.approx(0)
    assert difference["mean_absolute"] == pytest.approx(0.3)
    assert difference["largest"] == pytest.approx(0.6)
    assert difference["quantiles"]["0.5"] == pytest.approx(0.1)
    truth = figures["truth"]
    assert (truth["rows"], truth["groups"]) == (3, 3)
    assert truth["mcnemar"] == {"first_only": 1, "second_only": 1, "p": 1}
    assert truth["figures"]["accuracy"]["first"] == pytest.approx(2 / 3)
    assert truth["figures"]["brier"]["second"] == pytest.approx((0.04 + 0.49 + 0.09) / 3)
    assert truth["figures"]["log_loss"]["second"] == pytest.approx(-np.log([0.8, 0.3, 0.7]).mean())
    assert truth["figures"]["accuracy"]["interval"] is None
    assert not is_judged(figures)
    assert is_worse(figures) == []
    assert largest_differences(rows, 2).tolist() == [1, 3]


def test_rows_without_truth() -> None:
    rows = paired(BINARY)
    figures = compare(replace(rows, is_known=np.zeros(200, dtype=bool)))
    assert figures["truth"] == {"rows": 0}
    assert figures["agreement"]["rows"] <= 200
    assert not is_judged(figures)
    assert is_worse(figures) == []


def test_no_rows() -> None:
    rows = paired(BINARY, rows=0)
    assert compare(rows) == {"rows": 0, "difference": {}, "truth": {"rows": 0}}
    assert largest_differences(rows, 20).size == 0


def test_labels() -> None:
    shares = np.array([[0.2, 0.5, 0.3]])
    none = np.array([np.nan])
    assert labels_of(MultiClass(classes=("a", "b", "c")), shares, none).tolist() == [[1]]
    several = MultiLabel(labels=("a", "b", "c"))
    assert labels_of(several, shares, np.array([0.3])).tolist() == [[False, True, False]]

"""Tests of model.pipelines.gate: the active version, and which rows are compared."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.artifacts.repository import POINTER
from model.errors import ArtifactError
from model.metrics.comparison import is_worse
from model.pipelines.gate import active_beside, compare_artifacts
from model.prediction.predictor import Predictor, ScoredRows


def scored(rows: ScoredRows, **changes: Any) -> ScoredRows:
    return replace(rows, **changes)


def test_the_active_version(tmp_path: Path) -> None:
    file = tmp_path / "new.joblib"
    file.touch()
    assert active_beside(file) is None
    old = tmp_path / "old.joblib"
    old.touch()
    assert active_beside(file) == old
    (tmp_path / "older.joblib").touch()
    with pytest.raises(ArtifactError, match="without a file 'current'"):
        active_beside(file)
    (tmp_path / POINTER).write_text("old.joblib\n")
    assert active_beside(file) == old
    assert active_beside(old) is None


def test_a_candidate_with_wrong_predictions_is_worse(predictor: Predictor) -> None:
    rows = predictor.validation
    worse = replace(predictor, validation=scored(rows, predictions=1 - rows.predictions))
    figures = compare_artifacts(predictor, worse)
    assert figures["part"] == "validation"
    assert is_worse(figures) == ["log_loss", "brier", "accuracy"]
    assert is_worse(compare_artifacts(worse, predictor)) == []
    assert is_worse(compare_artifacts(predictor, predictor)) == []


def test_each_version_has_its_threshold(predictor: Predictor) -> None:
    other = replace(predictor, operating_points={"default": 0.999999})
    figures = compare_artifacts(predictor, other)
    positives = predictor.validation.targets.mean()
    assert figures["truth"]["figures"]["accuracy"]["second"] == pytest.approx(1 - positives)
    assert figures["truth"]["figures"]["brier"]["difference"] == 0


def test_test_rows_are_preferred(predictor: Predictor) -> None:
    rows = predictor.train
    with_test = replace(predictor, test=rows)
    assert compare_artifacts(with_test, with_test)["part"] == "test"
    assert compare_artifacts(with_test, predictor)["part"] == "validation"


def test_other_rows_are_not_compared(predictor: Predictor) -> None:
    rows = predictor.validation
    for other in (
        replace(predictor, validation=scored(rows, targets=~rows.targets)),
        replace(predictor, validation=scored(rows, groups=rows.groups[::-1])),
        replace(predictor, validation=predictor.train),
        replace(predictor, facts={**predictor.facts, "data": {"file": "another.csv"}}),
        replace(
            predictor,
            validation=ScoredRows.ungrouped(np.empty((0, 1), dtype=bool), np.empty((0, 1))),
        ),
    ):
        with pytest.raises(ArtifactError, match="rows in common"):
            compare_artifacts(predictor, other)
        with pytest.raises(ArtifactError, match="malignancy replay"):
            compare_artifacts(other, predictor)

"""model/drift/detection.py: effect and certainty are separate, and both are needed."""

import json
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.drift.bins import FeatureBins, OutputBins
from model.drift.detection import Drift, drift_of, prediction_drift_of
from model.drift.reference import DriftReference
from model.errors import DataError
from model.prediction.schema import Feature

FEATURES = 9


def reference_of(rows: Array) -> DriftReference:
    """Return reference counts of integers from 1 to 10, clipped, which may be missing."""
    features = tuple(
        FeatureBins(
            Feature(
                name=f"f{number}",
                type="integer",
                minimum=1,
                maximum=10,
                out_of_range="clip",
                may_be_missing=True,
            ),
            tuple(map(float, range(1, 10))),
        )
        for number in range(rows.shape[1])
    )
    counts = tuple(
        np.bincount(bins.places(column), minlength=len(bins.names))
        for bins, column in zip(features, rows.T, strict=True)
    )
    of_outputs = (np.full(10, 100),)
    return DriftReference(
        len(rows), features, counts, "validation", 1000, (OutputBins("yes"),), of_outputs
    )


def scores(draws: np.random.Generator, rows: int) -> Array:
    return draws.integers(1, 11, (rows, FEATURES)).astype(float)


def found_in(reference: DriftReference, rows: Array) -> list[Drift]:
    return drift_of(reference, reference.count(rows), np.random.default_rng(0))


@pytest.fixture(scope="module")
def reference() -> DriftReference:
    return reference_of(scores(np.random.default_rng(0), 600))


@pytest.mark.parametrize("rows", [50, 500, 50_000])
def test_windows_without_drift(reference: DriftReference, rows: int) -> None:
    draws = np.random.default_rng(1)
    windows = [found_in(reference, scores(draws, rows)) for _ in range(20)]
    assert sum(any(each.drifted for each in window) for window in windows) <= 3
    assert [each.name for each in windows[0]] == [f"f{number}" for number in range(FEATURES)]


def test_a_small_window_has_a_large_psi_by_chance(reference: DriftReference) -> None:
    window = found_in(reference, scores(np.random.default_rng(1), 50))
    assert max(each.psi for each in window) > 0.2
    assert window[0].psi_by_chance == pytest.approx(9 * (1 / 50 + 1 / 600))
    assert not any(each.drifted for each in window)


def test_a_shifted_feature_is_found(reference: DriftReference) -> None:
    rows = scores(np.random.default_rng(2), 500)
    rows[:, 3] = np.minimum(rows[:, 3] + 3, 10)
    window = found_in(reference, rows)
    assert [each.drifted for each in window] == [number == 3 for number in range(FEATURES)]
    assert window[3].q < 0.001
    assert window[3].excess_psi == window[3].psi - window[3].psi_by_chance


def test_a_certain_but_small_effect_is_no_drift() -> None:
    draws = np.random.default_rng(3)
    training = scores(draws, 100_000)
    rows = scores(draws, 100_000)
    rows[:8000, 0] = 10
    window = found_in(reference_of(training), rows)
    assert window[0].q < 0.001
    assert 0 < window[0].excess_psi < 0.1
    assert not window[0].drifted


def test_a_window_of_few_rows_shows_no_drift(reference: DriftReference) -> None:
    window = found_in(reference, np.full((49, FEATURES), 10.0))
    assert window[0].q < 0.001
    assert window[0].excess_psi > 1
    assert not window[0].drifted
    assert found_in(reference, np.full((50, FEATURES), 10.0))[0].drifted


def test_missing_and_clipped_values(reference: DriftReference) -> None:
    rows = scores(np.random.default_rng(4), 100)
    rows[:10, 0], rows[:5, 1], rows[5:20, 1] = np.nan, 0, 11
    window = found_in(reference, rows)
    assert (window[0].missing, window[0].out_of_range) == (0.1, 0)
    assert (window[1].missing, window[1].out_of_range) == (0, 0.2)
    assert window[0].drifted
    assert window[1].drifted


def test_a_window_without_rows(reference: DriftReference) -> None:
    window = found_in(reference, np.empty((0, FEATURES)))
    assert {(each.rows, each.psi, each.p, each.q, each.drifted) for each in window} == {
        (0, 0.0, 1.0, 1.0, False)
    }


def test_predictions(reference: DriftReference) -> None:
    draws = np.random.default_rng(5)

    def window(predictions: Array) -> Drift:
        counts = reference.count_predictions(predictions)
        (found,) = prediction_drift_of(reference, counts, np.random.default_rng(0))
        return found

    assert not window(draws.random((300, 1))).drifted
    shifted = window(draws.random((300, 1)) ** 3)
    assert shifted.drifted
    assert (shifted.name, shifted.missing, shifted.out_of_range) == ("yes", 0, 0)


def test_figures_are_plain_json(reference: DriftReference) -> None:
    found = found_in(reference, scores(np.random.default_rng(1), 60))[0]
    written: dict[str, Any] = json.loads(json.dumps(found.to_json()))
    assert written["drifted"] is False
    assert set(written) == set(
        "name rows psi psi_by_chance excess_psi p q missing out_of_range drifted".split()
    )


@pytest.mark.parametrize(
    ("counts", "rule"),
    [
        ({"other": [1]}, "'other' has no reference counts"),
        ({"f0": [1, 2]}, "'f0' must have 13 counts"),
        ({"f0": [-1, *[0] * 12]}, "'f0' must have 13 counts, none of them negative"),
    ],
)
def test_other_counts_are_rejected(
    reference: DriftReference, counts: dict[str, list[int]], rule: str
) -> None:
    with pytest.raises(DataError, match=rule):
        drift_of(reference, counts, np.random.default_rng(0))

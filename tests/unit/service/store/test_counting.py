"""Counts of rows against plain loops, for every kind of target."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.random_model import TARGETS
from support.stored_rows import RoundedBins, random_values, version_of

from model.arrays import Array
from service.store.counting import Counts, RowCounter, probability_bins
from service.store.records import StoredVersion


def plain_counts(version: StoredVersion, values: Array, predictions: Array) -> Counts:
    """Count with loops over rows and values."""
    counts: Counts = Counter()
    predictor = version.predictor
    target, threshold = predictor.schema.target, predictor.threshold
    for row, answer in zip(values, predictions, strict=True):
        counts["rows", "", 0] += 1
        for feature, value in zip(predictor.schema.features, row, strict=True):
            counts["feature", feature.name, int(RoundedBins().places(np.array([value]))[0])] += 1
            counts["missing", feature.name, 0] += int(math.isnan(value))
        for name, value in zip(target.names, answer.tolist(), strict=True):
            if predictor.has_probabilities:
                place = next(k for k in range(1000) if value <= (k + 1) / 1000)
            else:
                place = int(RoundedBins().places(np.array([value]))[0])
            counts["prediction", name, place] += 1
        if target.task == "multi_label":
            labels = target.answers(answer[None], threshold)[0]["labels"]
        elif predictor.has_probabilities:
            labels = [target.answers(answer[None], threshold)[0]["label"]]
        else:
            labels = []
        for label in labels:
            counts["label", label, 0] += 1
        if target.task == "multi_class":
            units = [math.floor(1000 * p) for p in answer.tolist()]
            by_remainder = sorted(range(len(units)), key=lambda k: units[k] - 1000 * answer[k])
            for place in by_remainder[: 1000 - sum(units)]:
                units[place] += 1
            for name, unit in zip(target.names, units, strict=True):
                counts["expected", json.dumps([labels[0], name], separators=(",", ":")), 0] += unit
    return +counts


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("rows", [1, 2, 300])
def test_counts_agree_with_loops(task: str, rows: int) -> None:
    version = version_of(task)
    values = random_values(rows, seed=rows)
    predictions = version.predictor.predict(values)
    found = version.counter.counts(values, predictions, version.predictor.threshold)
    expected = plain_counts(version, values, predictions)
    if not version.predictor.has_probabilities:
        # The random models' tally of a regression is the number of rows, which "rows" has.
        assert not [key for key in found if key[0] == "label"]
    assert found == expected


@given(st.integers(1, 1000), st.floats(0, 1))
def test_rows_above_a_threshold_are_those_of_the_bins_from_it_on(
    thousandths: int, p: float
) -> None:
    place = int(probability_bins(np.array([p]))[0])
    assert (place >= thousandths) == (p > thousandths / 1000)


def test_bins_of_the_ends() -> None:
    found = probability_bins(np.array([0, 0.001, 0.0010000000000000002, 0.5, 0.999, 1]))
    assert found.tolist() == [0, 0, 1, 499, 998, 999]


def test_clipped_and_unknown_values_are_counted() -> None:
    predictor = version_of().predictor
    size, colour, smokes, score = predictor.schema.features
    features = (
        size.model_copy(update={"out_of_range": "clip", "maximum": 5.0}),
        colour.model_copy(update={"unseen": "other"}),
        smokes,
        score,
    )
    object.__setattr__(
        predictor, "schema", predictor.schema.model_copy(update={"features": features})
    )
    values = np.array([[6.0, 3, 1, 2], [4, 0, 1, 2], [7, np.nan, np.nan, 2]])
    counts = RowCounter(predictor, None).counts(values, np.full((3, 1), 0.5), 0.5)
    del counts["rows", "", 0]
    assert {key: n for key, n in counts.items() if key[0] not in ("prediction", "label")} == {
        ("clipped", "size", 0): 2,
        ("unknown", "colour", 0): 1,
        ("missing", "colour", 0): 1,
        ("missing", "smokes", 0): 1,
    }


def test_a_shadow_counts_its_answers_only() -> None:
    version = version_of()
    values = random_values(20)
    predictions = version.predictor.predict(values)
    found = version.counter.shadow_counts(predictions, 0.5)
    assert {kind for kind, _, _ in found} == {"shadow rows", "shadow prediction", "shadow label"}
    assert found["shadow rows", "", 0] == 20

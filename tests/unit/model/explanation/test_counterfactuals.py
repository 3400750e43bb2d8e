"""Counterfactuals: against all combinations of values, and by their rules."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.explanation import counterfactuals as module
from model.explanation.counterfactuals import Counterfactuals, counterfactuals
from model.explanation.distance import ChangedRow, TrainingDistance
from model.explanation.grids import grids_of
from model.explanation.parts import finish
from model.prediction.predictor import Predictor
from model.prediction.target import MultiClass, Regression
from model.prediction.training_sample import TrainingSample

ROW = np.array([9.0, 1, 0, 5])


def with_sample(predictor: Predictor) -> Predictor:
    generator = np.random.default_rng(3)
    rows = np.stack(
        [
            generator.uniform(0, 30, 40).round(1),
            generator.integers(0, 3, 40),
            generator.integers(0, 2, 40),
            generator.integers(1, 11, 40),
        ],
        axis=1,
    ).astype(float)
    columns = predictor.schema.target.columns_of_targets
    targets = np.zeros((40, columns), predictor.schema.target.dtype)
    return replace(predictor, sample=TrainingSample(rows, targets))


def labels(predictor: Predictor, rows: np.ndarray, output: int, threshold: float) -> np.ndarray:
    predictions = predictor.predict(rows)
    if isinstance(predictor.schema.target, MultiClass):
        return np.asarray(predictions.argmax(axis=1))
    return np.asarray(predictions[:, output] > threshold)


def search(predictor: Predictor, row: np.ndarray, threshold: float) -> list[Counterfactuals]:
    return finish(counterfactuals(predictor, row, threshold))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    threshold=st.floats(0.1, 0.9),
    row=st.tuples(
        st.integers(0, 40), st.sampled_from([0, 1, 2, np.nan]), st.booleans(), st.integers(1, 10)
    ),
)
def test_fewest_changes_are_found(
    kinds: Predictor, seed: int, threshold: float, row: tuple[float, ...]
) -> None:
    if isinstance(kinds.schema.target, Regression):
        return
    generator = np.random.default_rng(seed)
    theta = generator.normal(0, 0.7, len(kinds.theta))
    predictor = with_sample(replace(kinds, theta=theta))
    start = np.array(row, dtype=float)
    grids = grids_of(predictor)
    for output, found in enumerate(search(predictor, start, threshold)):
        (now,) = labels(predictor, start[np.newaxis], output, threshold)
        fewest = None
        for count in (1, 2):
            for features in itertools.combinations(range(4), count):
                values = itertools.product(*(grids[feature] for feature in features))
                rows = np.array([start] * int(np.prod([len(grids[f]) for f in features])))
                rows[:, features] = list(values)
                if (labels(predictor, rows, output, threshold) != now).any():
                    fewest = count
                    break
            if fewest:
                break
        if fewest is None:
            assert not found.is_exhaustive
        else:
            assert found.is_exhaustive
            assert {len(each.features) for each in found.found} == {fewest}
        sizes = [each.size for each in found.found]
        assert sizes == sorted(sizes)
        assert len({each.features for each in found.found}) == len(sizes) <= 3
        for each in found.found:
            changed = each.row != start
            changed &= ~(np.isnan(each.row) & np.isnan(start))
            assert tuple(np.flatnonzero(changed)) == tuple(sorted(each.features))
            assert labels(predictor, each.row[np.newaxis], output, threshold)[0] != now
            predictor.check_rows(each.row[np.newaxis])
            np.testing.assert_allclose(each.prediction, predictor.predict(each.row[None])[0])


def test_only_actionable_features_change(wisconsin: Predictor) -> None:
    limits = {"bare_nuclei": "no", "clump_thickness": "down", "mitoses": "up"}
    features = tuple(
        feature.model_copy(update={"actionable": limits.get(feature.name)})
        for feature in wisconsin.schema.features
    )
    schema = wisconsin.schema.model_copy(update={"features": features})
    limited = replace(wisconsin, schema=schema)
    assert wisconsin.sample is not None
    count = 0
    for row in wisconsin.sample.rows[:60]:
        for each in search(limited, row, 0.39)[0].found:
            count += 1
            change = dict(zip(schema.names, each.row - row, strict=True))
            assert change["bare_nuclei"] == 0
            assert change["clump_thickness"] <= 0
            assert change["mitoses"] >= 0
    assert count > 60


def with_actionable(predictor: Predictor, free: int) -> Predictor:
    """The same model, of which only the first features may change."""
    features = tuple(
        feature.model_copy(update={"actionable": "any" if place < free else "no"})
        for place, feature in enumerate(predictor.schema.features)
    )
    schema = predictor.schema.model_copy(update={"features": features})
    return replace(predictor, schema=schema)


@pytest.mark.parametrize("free", [0, 1, 2, 3])
def test_a_search_of_all_changes_is_exhaustive(kinds: Predictor, free: int) -> None:
    if isinstance(kinds.schema.target, Regression):
        return
    constant = with_sample(replace(kinds, theta=np.zeros(len(kinds.theta))))
    for each in search(with_actionable(constant, free), ROW, 0.6):
        assert (each.found, each.is_exhaustive) == ([], free <= 2)


def test_changes_of_numbers_are_counted_in_ranges_of_most_rows(wisconsin: Predictor) -> None:
    distance = finish(TrainingDistance.of(wisconsin))
    assert distance is not None
    count = 0
    for row in distance.rows[:20]:
        (found,) = finish(counterfactuals(wisconsin, row, 0.39, distance))
        for each in found.found:
            count += 1
            expected = (np.abs(each.row - row) / distance.ranges)[list(each.features)].sum()
            assert each.size == pytest.approx(expected)
    assert count > 20


def test_a_model_that_always_says_the_same_has_none(kinds: Predictor) -> None:
    if isinstance(kinds.schema.target, Regression):
        return
    constant = with_sample(replace(kinds, theta=np.zeros(len(kinds.theta))))
    for each in search(constant, ROW, 0.6):
        assert (each.found, each.is_exhaustive) == ([], False)


def test_a_beam_search_finds_changes_of_several_features(
    wisconsin: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    benign = np.ones(9)
    (exact,) = search(wisconsin, benign, 0.9)
    monkeypatch.setattr(module, "MAX_PAIRS", 0)
    (beam,) = search(wisconsin, benign, 0.9)
    assert exact.found
    assert beam.found
    assert not beam.is_exhaustive
    assert len(beam.found[0].features) <= len(exact.found[0].features) + 1


def test_changed_rows_are_like_the_training_rows(wisconsin: Predictor) -> None:
    distance = finish(TrainingDistance.of(wisconsin))
    assert distance is not None
    assert wisconsin.sample is not None
    near = far = 0
    for row in wisconsin.sample.rows[:40]:
        if distance.percentile(row) > 99:
            continue
        (found,) = finish(counterfactuals(wisconsin, row, 0.39, distance))
        near += len(found.found)
        assert all(distance.percentile(each.row) <= 99 for each in found.found)
        (anywhere,) = search(wisconsin, row, 0.39)
        far += sum(distance.percentile(each.row) > 99 for each in anywhere.found)
    assert near > 20
    assert far > 5


def test_distances_of_changed_rows_are_those_of_whole_rows(wisconsin: Predictor) -> None:
    distance = finish(TrainingDistance.of(wisconsin))
    assert distance is not None
    generator = np.random.default_rng(0)
    for row in distance.rows[:50]:
        changed = ChangedRow(distance, row)
        for count in (1, 2, 9):
            features = generator.choice(9, count, replace=False).tolist()
            values = generator.integers(1, 11, count).astype(float)
            whole = row.copy()
            whole[features] = values
            assert changed.percentile(features, values) == distance.percentile(whole)

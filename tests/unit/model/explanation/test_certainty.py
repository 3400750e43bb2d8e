"""Members, distance from the training rows, similar held-out rows, and all of them together."""

from dataclasses import replace

import numpy as np
import pytest

from model.explanation.certainty import Evidence, certainty
from model.explanation.distance import TrainingDistance
from model.explanation.held_out import HeldOutRows, held_out_rows
from model.explanation.members import members_of
from model.explanation.neighbours import SimilarLabels, SimilarNumbers, neighbours_of
from model.explanation.parts import finish
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, Regression
from model.prediction.training_sample import TrainingSample

NAN = np.nan
ROWS = np.array(
    [[1.0, 0, 0, 1], [2, 0, 0, 2], [3, 1, 1, NAN], [4, NAN, 1, 4], [5, 2, 0, 5], [6, 2, 1, 6]]
)


def kept(predictor: Predictor, rows: np.ndarray = ROWS) -> Predictor:
    columns = predictor.schema.target.columns_of_targets
    targets = np.zeros((len(rows), columns), predictor.schema.target.dtype)
    return replace(predictor, sample=TrainingSample(rows, targets))


def test_distance_ranks_a_row_among_the_kept_ones(kinds: Predictor) -> None:
    distance = finish(TrainingDistance.of(kept(kinds)))
    assert distance is not None
    assert distance.percentile(ROWS[1]) == 0
    assert distance.percentile(np.array([900.0, 2, 1, 6])) == 100
    assert distance.percentile(np.full(4, NAN)) == 100  # nothing to compare
    assert (np.diff(distance.usual) >= 0).all()
    # Rows 0 and 1 differ by 1 in `size` and in `score`, and in nothing else.
    ranges = np.quantile([1, 2, 3, 4, 5, 6], 0.95) - np.quantile([1, 2, 3, 4, 5, 6], 0.05)
    scores = np.quantile([1, 2, 4, 5, 6], 0.95) - np.quantile([1, 2, 4, 5, 6], 0.05)
    assert distance.usual[0] == pytest.approx((1 / ranges + 1 / scores) / 4)


def test_models_without_kept_rows_have_no_distance(kinds: Predictor) -> None:
    assert finish(TrainingDistance.of(kinds)) is None
    assert finish(TrainingDistance.of(kept(kinds, ROWS[:1]))) is None


def test_a_single_network_has_no_members(kinds: Predictor) -> None:
    assert members_of(kinds, kinds.encode(ROWS[:1]), 0.5) is None


def test_members_state_their_range_and_agreement(kinds: Predictor) -> None:
    generator = np.random.default_rng(0)
    theta = kinds.theta + generator.normal(0, 1, (20, len(kinds.theta)))
    ensemble = replace(kinds, theta=theta)
    inputs = ensemble.encode(ROWS[:1])
    alone = np.stack([replace(kinds, theta=each).predict_inputs(inputs)[0] for each in theta])
    members = members_of(ensemble, inputs, 0.5)
    assert members is not None
    np.testing.assert_allclose(members.low, np.quantile(alone, 0.05, axis=0))
    np.testing.assert_allclose(members.high, np.quantile(alone, 0.95, axis=0))
    target = kinds.schema.target
    if isinstance(target, Regression):
        assert members.agreement is None
        return
    labels = alone.argmax(axis=1) if isinstance(target, MultiClass) else alone > 0.5
    mean = alone.mean(axis=0)
    label = mean.argmax() if isinstance(target, MultiClass) else mean > 0.5
    same = labels == label
    assert members.agreement == (same if same.ndim == 1 else same.all(axis=1)).mean()


def test_similar_rows_are_counted_in_bins() -> None:
    p = np.array([[0.005], [0.02], [0.15], [0.12], [0.19], [0.2], [1.0]])
    truth = np.array([[False], [False], [True], [False], [False], [True], [True]])
    rows = HeldOutRows("out-of-bag", truth, p)
    target = Binary(negative="no", positive="yes")
    (found,) = neighbours_of(target, rows, np.array([0.11]))
    assert isinstance(found, SimilarLabels)
    assert (found.low, found.high, found.rows, found.positive) == (0.1, 0.2, 3, 1)
    assert found.interval is not None
    (none,) = neighbours_of(target, rows, np.array([0.5]))
    assert isinstance(none, SimilarLabels)
    assert (none.low, none.high, none.rows, none.interval) == (0.5, 0.6, 0, None)
    (last,) = neighbours_of(target, rows, np.array([1.0]))
    assert isinstance(last, SimilarLabels)
    assert (last.low, last.high, last.rows, last.positive) == (0.99, 1, 1, 1)


def test_similar_numbers_are_the_nearest_predictions() -> None:
    predictions = np.arange(200.0)[:, np.newaxis]
    rows = HeldOutRows("validation", predictions + 1, predictions)
    (found,) = neighbours_of(Regression(outputs=("y",)), rows, np.array([100.0]))
    assert isinstance(found, SimilarNumbers)
    assert found.rows == 50
    assert found.mean == pytest.approx(101, abs=0.51)
    empty = HeldOutRows("validation", predictions[:0], predictions[:0])
    (none,) = neighbours_of(Regression(outputs=("y",)), empty, np.array([100.0]))
    assert none == SimilarNumbers(0, None, None, None)


def test_one_row_of_each_group_is_held_out(kinds: Predictor) -> None:
    outputs, columns = kinds.network.outputs, kinds.schema.target.columns_of_targets
    rows = ScoredRows(
        np.zeros((4, columns), kinds.schema.target.dtype),
        np.arange(4.0)[:, np.newaxis].repeat(outputs, axis=1),
        np.array([1, 0, 1, 2]),
        np.zeros(4, dtype=bool),
    )
    found = held_out_rows(replace(kinds, validation=rows))
    assert found.source == "validation"
    assert found.predictions[:, 0].tolist() == [1, 0, 3]
    assert held_out_rows(replace(kinds, out_of_bag=rows)).source == "out-of-bag"


def test_the_default_model_says_when_it_cannot_decide(wisconsin: Predictor) -> None:
    evidence = finish(Evidence.of(wisconsin))
    assert evidence.conformal.level == 0.99
    assert evidence.held_out.source == "out-of-bag"
    part = wisconsin.validation
    sets = [each[0] for each in evidence.conformal.sets(part.predictions)]
    truth = part.targets[:, 0]
    holds = [
        ("malignant" if is_positive else "benign") in each
        for is_positive, each in zip(truth, sets, strict=True)
    ]
    assert np.mean(np.array(holds)[truth]) >= 0.95
    assert np.mean(np.array(holds)[~truth]) >= 0.95
    assert 0.1 < np.mean([len(each) == 2 for each in sets]) < 0.35
    odd = np.array([10.0, 1, 10, 1, 10, 1, 10, 1, 10])
    found = certainty(wisconsin, evidence, odd, wisconsin.encode(odd[np.newaxis]), 0.5)
    assert found.percentile is not None
    assert found.percentile > 99
    assert found.intervals is None

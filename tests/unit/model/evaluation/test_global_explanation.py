"""What a model does on the whole."""

from dataclasses import replace

import numpy as np
import pytest

from model.evaluation.global_explanation import global_explanation
from model.prediction.predictor import Predictor
from model.prediction.training_sample import TrainingSample


def with_sample(predictor: Predictor, rows: int = 40) -> Predictor:
    generator = np.random.default_rng(0)
    values = np.stack(
        [
            generator.lognormal(2, 1, rows),
            np.where(generator.random(rows) < 0.2, np.nan, generator.integers(0, 3, rows)),
            generator.integers(0, 2, rows),
            generator.integers(1, 11, rows),
        ],
        axis=1,
    ).astype(float)
    columns = predictor.schema.target.columns_of_targets
    targets = np.zeros((rows, columns), predictor.schema.target.dtype)
    return replace(predictor, sample=TrainingSample(values, targets))


def test_every_task_is_explained_alike_each_time(kinds: Predictor) -> None:
    predictor = with_sample(kinds)
    one, other = global_explanation(predictor), global_explanation(predictor)
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.values, other.values)
    assert one.interactions == other.interactions
    assert one.values.shape == (40, 4, kinds.network.outputs)
    np.testing.assert_allclose(one.sizes, np.abs(one.values).mean(axis=(0, 2)))
    assert one.intervals is not None
    low, high = one.intervals
    assert (low <= one.sizes + 1e-12).all()
    assert (one.sizes <= high + 1e-12).all()
    assert set(one.directions) == ({0, 2, 3} if kinds.network.outputs == 1 else set())


def test_models_without_rows_or_with_many_features_are_not(kinds: Predictor) -> None:
    assert global_explanation(kinds) is None
    assert global_explanation(with_sample(kinds, 1)) is None


def test_an_additive_model_has_no_interactions(kinds: Predictor) -> None:
    if kinds.schema.target.task != "regression":
        pytest.skip("predictions of other tasks are not additive")
    theta = np.array(kinds.theta)
    first, _ = kinds.network.layout.views(theta)
    first[:] = np.abs(first)
    first[:, -1] = 100  # all rectifiers are on, so the network is linear
    found = global_explanation(with_sample(replace(kinds, theta=theta)))
    assert found is not None
    assert max(share for _, _, share in found.interactions) < 1e-12
    assert set(found.violations.values()) == {0.0}


def test_the_default_model_has_known_directions(wisconsin: Predictor) -> None:
    found = global_explanation(wisconsin)
    assert found is not None
    assert set(found.directions.values()) == {1}  # a higher score is never a good sign
    assert found.violations[wisconsin.schema.names.index("bare_nuclei")] == 0
    assert max(found.violations.values()) > 0.05
    assert found.references == 25
    assert len(found.rows) == 100

"""Predictions along each feature."""

from dataclasses import replace

import numpy as np
import pytest

from model.explanation import curves as module
from model.explanation.curves import curves_of, partial_dependences
from model.explanation.grids import MAX_VALUES, grids_of
from model.explanation.parts import finish
from model.prediction.predictor import Predictor
from model.prediction.training_sample import TrainingSample

ROW = np.array([9.25, np.nan, 1, 5])


def with_sample(predictor: Predictor) -> Predictor:
    generator = np.random.default_rng(0)
    rows = np.stack(
        [
            generator.lognormal(2, 1, 60),
            generator.integers(0, 3, 60),
            np.where(generator.random(60) < 0.2, np.nan, 1),
            generator.integers(1, 11, 60),
        ],
        axis=1,
    )
    columns = predictor.schema.target.columns_of_targets
    targets = np.zeros((60, columns), predictor.schema.target.dtype)
    return replace(predictor, sample=TrainingSample(rows, targets))


def test_grids_have_valid_values_of_each_type(kinds: Predictor) -> None:
    for predictor in (kinds, with_sample(kinds)):
        size, colour, smokes, score = grids_of(predictor)
        assert 1 <= len(size) <= MAX_VALUES
        assert (np.diff(size) > 0).all()
        assert colour.tolist() == [0, 1, 2]
        assert smokes.tolist() == [0, 1]
        assert score.tolist() == list(range(1, 11))


def test_curves_hold_the_other_features(kinds: Predictor) -> None:
    predictor = with_sample(kinds)
    for feature, curve in enumerate(finish(curves_of(predictor, ROW))):
        if not np.isnan(ROW[feature]):
            assert ROW[feature] in curve.values
        for value, prediction in zip(curve.values, curve.predictions, strict=True):
            changed = ROW.copy()
            changed[feature] = value
            np.testing.assert_array_equal(prediction, predictor.predict(changed[np.newaxis])[0])


def test_partial_dependence_averages_the_kept_rows(
    kinds: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = with_sample(kinds)
    assert predictor.sample is not None
    for feature, each in enumerate(finish(partial_dependences(predictor))):
        assert each.rows == 60
        for place, value in enumerate(each.values):
            changed = predictor.sample.rows.copy()
            changed[:, feature] = value
            predictions = predictor.predict(changed)
            np.testing.assert_allclose(each.mean[place], predictions.mean(axis=0))
            np.testing.assert_allclose(each.low[place], np.quantile(predictions, 0.05, axis=0))
            np.testing.assert_allclose(each.high[place], np.quantile(predictions, 0.95, axis=0))
    monkeypatch.setattr(module, "MAX_PRODUCTS", 1000 * predictor.theta.size)
    assert {each.rows for each in finish(partial_dependences(predictor))} <= set(range(10, 60))
    assert finish(partial_dependences(kinds)) == []


@pytest.mark.parametrize("limit", [1e308, 1e200])
def test_limits_that_cannot_be_scaled_are_not_tried(kinds: Predictor, limit: float) -> None:
    features = tuple(
        feature.model_copy(update={"minimum": 0, "maximum": limit})
        if feature.type == "number"
        else feature
        for feature in kinds.schema.features
    )
    schema = kinds.schema.model_copy(update={"features": features})
    encoder = replace(kinds.encoder, spread=np.full_like(kinds.encoder.spread, 1e-180))
    for predictor in (kinds, with_sample(kinds)):
        changed = replace(predictor, schema=schema, encoder=encoder)
        for grid, curve in zip(grids_of(changed), finish(curves_of(changed, ROW)), strict=True):
            assert len(grid)
            assert np.isfinite(curve.predictions).all()

"""Computations in parts give what they give at once."""

from dataclasses import replace

import numpy as np
import pytest

from model.explanation import parts
from model.explanation.parts import finish, part_rows, predict_in_parts
from model.prediction.predictor import Predictor


def test_parts_predict_the_same_to_the_last_bit(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_PRODUCTS", 1)
    monkeypatch.setattr(parts, "MIN_PART_ROWS", 7)
    rows = np.random.default_rng(0).integers(1, 11, (30, 9)).astype(float)
    inputs = predictor.encode(rows)
    steps = predict_in_parts(predictor, inputs)
    assert sum(1 for _ in steps) == 5
    assert np.array_equal(finish(predict_in_parts(predictor, inputs)), predictor.predict(rows))


def test_larger_models_have_smaller_parts(predictor: Predictor) -> None:
    large = replace(predictor, theta=np.zeros((1000, 10_000)))
    assert part_rows(large) == parts.MIN_PART_ROWS
    assert part_rows(predictor) > part_rows(large)

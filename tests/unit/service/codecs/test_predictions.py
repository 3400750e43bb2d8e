"""service/codecs/predictions.py: many rows have the same texts as their answers one by one."""

import numpy as np
import pytest
from pydantic_core import to_json

from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, Regression, Target
from service.codecs.blocks import Block, ScoredBlock
from service.codecs.predictions import MANY_ROWS, PredictionEncoder

BINARY = Binary(negative='no "risk"', positive="malignant")
REFER = Binary(negative="no", positive="yes", refer=(0.25, 0.75))
EDGES = [0.0, 5e-324, 0.25, np.nextafter(0.25, 1), 0.3, 0.5, 0.75, np.nextafter(0.75, 1), 1.0]


def encoded(target: Target, predictions: list[float], threshold: float, separator: bytes) -> bytes:
    values = np.array([predictions]).T
    scored = ScoredBlock(Block(np.ones_like(values), complete=True), values, None)
    encoder = PredictionEncoder(Schema(features=(Feature(name="a"),), target=target))
    return encoder.json(scored, threshold, separator)


@pytest.mark.parametrize("separator", [b",", b"\n"])
@pytest.mark.parametrize("target", [BINARY, REFER, Regression(outputs=("cost",))])
@pytest.mark.parametrize("rows", [1, MANY_ROWS - 1, MANY_ROWS, 1000])
def test_many_rows_have_the_texts_of_their_answers(
    target: Target, rows: int, separator: bytes
) -> None:
    predictions = [*EDGES, *np.random.default_rng(0).random(1000).tolist()][:rows]
    for threshold in (0.0, 0.25, 0.5, 1.0):
        answers = target.answers(np.array([predictions]).T, threshold)
        expected = separator.join(map(to_json, answers))
        assert encoded(target, predictions, threshold, separator) == expected


def test_imputed_features_and_errors_are_in_the_texts_of_many_rows() -> None:
    values = np.ones((MANY_ROWS, 1))
    values[3] = np.nan
    encoder = PredictionEncoder(
        Schema(features=(Feature(name="a", may_be_missing=True),), target=BINARY)
    )
    scored = ScoredBlock(Block(values), np.full((MANY_ROWS, 1), 0.5), None)
    texts = encoder.json(scored, 0.5, b"\n").split(b"\n")
    plain = b'{"probability":0.5,"label":"no \\"risk\\""}'
    assert texts[3] == plain[:-1] + b',"imputed":["a"]}'
    assert texts[:3] + texts[4:] == [plain] * (MANY_ROWS - 1)

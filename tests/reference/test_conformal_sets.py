"""Prediction sets against the p-values of crepes, of one label at a time.

A label is in the set if its p-value is above 1 - level (Vovk, Gammerman and Shafer 2005, §2.2);
crepes' own sets have it at exactly 1 - level, too.
"""

import numpy as np
import pytest

from model.explanation.conformal import conformal
from model.explanation.held_out import HeldOutRows
from model.prediction.target import Binary, MultiClass

crepes = pytest.importorskip("crepes", reason="needs the extra oracles: make oracles")
BINARY = Binary(negative="no", positive="yes")
CLASSES = MultiClass(classes=("a", "b", "c"))


def rows(count: int, seed: int, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of three classes with ties, and classes drawn from them."""
    generator = np.random.default_rng(seed)
    predictions = generator.dirichlet((1, 1, 1), count).round(digits)
    classes = [generator.choice(3, p=row / row.sum()) for row in predictions]
    return predictions, np.array(classes)


def likely_by_crepes(scores: list[np.ndarray], of_rows: np.ndarray, level: float) -> np.ndarray:
    """Return which labels of each row have p-values above 1 - level, `(B, labels)`."""
    columns = []
    for held_out, column in zip(scores, of_rows.T, strict=True):
        classifier = crepes.ConformalClassifier()
        classifier.fit(held_out)
        p_values = classifier.predict_p(column[:, np.newaxis], smoothing=False)
        columns.append(np.asarray(p_values).reshape(-1) > 1 - level + 1e-9)
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 6])
def test_sets_are_those_of_the_p_values(level: float, seed: int, digits: int) -> None:
    predictions, classes = rows(200, seed, digits)
    others, _ = rows(300, seed + 100, digits)
    found = conformal(
        CLASSES, HeldOutRows("validation", classes[:, np.newaxis], predictions), level
    )
    scores = [1 - predictions[classes == n, n] for n in range(3)]
    expected = likely_by_crepes(scores, 1 - others, level)
    for (labels,), has in zip(found.sets(others), expected, strict=True):
        if has.any():
            assert labels == [name for name, each in zip(CLASSES.classes, has, strict=True) if each]
        else:  # a set that is empty without the rule for it
            assert len(labels) == 1

    positive = classes == 0
    binary = conformal(
        BINARY, HeldOutRows("validation", positive[:, np.newaxis], predictions[:, :1]), level
    )
    p = others[:, 0]
    scores = [predictions[~positive, 0], 1 - predictions[positive, 0]]
    expected = likely_by_crepes(scores, np.stack([p, 1 - p], axis=1), level)
    for (labels,), has in zip(binary.sets(others[:, :1]), expected, strict=True):
        if has.any():
            assert labels == [name for name, each in zip(("no", "yes"), has, strict=True) if each]

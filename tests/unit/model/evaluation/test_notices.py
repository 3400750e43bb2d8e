"""Notices about tables made to deserve them, and none about a good table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.evaluation.notices import notices
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

BINARY = Binary(negative="no", positive="yes")
CLASSES = MultiClass(classes=("a", "b", "c"))
generator = np.random.default_rng(0)
X = generator.normal(size=(300, 2))
Y = (X[:, :1] + generator.normal(size=(300, 1))) > 0


def found(
    target: Target, *parts: tuple[Array, Array], types: Sequence[Any] = ("number",) * 2
) -> list[str]:
    features = tuple(
        Feature(name=f"f{n}", type=each, categories=("u", "v", "w") if each == "category" else ())
        for n, each in enumerate(types)
    )
    names = ("train", "validation")
    return notices(Schema(features=features, target=target), dict(zip(names, parts, strict=False)))


def test_a_good_table_has_none() -> None:
    assert found(BINARY, (X[:200], Y[:200]), (X[200:], Y[200:])) == []


def test_imbalance() -> None:
    rare = np.arange(300)[:, None] % 13 == 0
    (text,) = found(BINARY, (X, rare))
    assert text.startswith("imbalance: 24 of 300 rows (8.0%) are yes; accuracy says little")
    (text,) = found(BINARY, (X, ~rare))
    assert "24 of 300 rows (8.0%) are no" in text


def test_few_rows() -> None:
    classes = np.repeat([0, 1, 2], [150, 145, 5])[:, None]
    assert found(CLASSES, (X, classes)) == ["few rows: fewer than 20 rows train c (5)"]
    assert found(BINARY, (X[:19], Y[:19]))[0] == (
        "few rows: 19 rows train 2 features, fewer than 10 for each"
    )
    labels = np.concatenate([Y, np.zeros_like(Y)], axis=1)
    assert found(MultiLabel(labels=("a", "b")), (X, labels)) == [
        "few rows: fewer than 20 rows train b (0)"
    ]


def test_duplicates() -> None:
    rows = X.copy()
    rows[0] = rows[1] = [np.nan, 0.0]
    rows[250] = [np.nan, -0.0]
    targets = Y.copy()
    targets[[0, 1, 250]] = True
    text = "duplicates: 3 of 300 rows equal another row in all features"
    assert found(BINARY, (rows, targets)) == [text]
    parts = (rows[:200], targets[:200]), (rows[200:], targets[200:])
    more = "; 1 rows that do not train equal one that does, which flatters figures"
    assert found(BINARY, *parts) == [text + more]
    targets[1] = False
    assert found(BINARY, (rows, targets)) == [f"{text}; 3 of them have equals with another target"]


def test_rows_of_few_combinations_are_no_copies() -> None:
    (notice,) = found(BINARY, (np.sign(X), Y))
    assert notice.startswith("duplicates: 300 rows have only 4 different combinations of feature")


@pytest.mark.parametrize("direction", [1, -1])
def test_leak_of_a_number(direction: int) -> None:
    rows = X.copy()
    rows[:, 1] = direction * (Y[:, 0] + 0.1 * generator.normal(size=300))
    (text,) = found(BINARY, (rows, Y))
    assert text.startswith("possible leak: alone, f1 (1.000) nearly gives the target away (area")
    (text,) = found(MultiLabel(labels=("a", "b")), (rows, np.concatenate([Y, ~Y], axis=1)))
    assert "f1 (1.000)" in text


def test_leak_of_a_gap() -> None:
    rows = X.copy()
    rows[Y[:, 0], 0] = np.nan
    (text,) = found(BINARY, (rows, Y))
    assert "f0 (1.000)" in text


def test_leak_of_a_category() -> None:
    codes = generator.integers(0, 2, 300) + Y[:, 0]
    rows = np.column_stack([X[:, 0], np.where(Y[:, 0], 2, codes)])
    (text,) = found(BINARY, (rows, Y), types=("number", "category"))
    assert "f1 (" in text


def test_leak_of_classes_and_numbers() -> None:
    classes = generator.integers(0, 3, (300, 1))
    rows = np.column_stack([X[:, 0], (classes[:, 0] - 1) ** 3 + 5])
    (text,) = found(CLASSES, (rows, classes))
    assert "f1 (1.000) nearly gives the target away (balanced accuracy over 0.98)" in text
    (text,) = found(Regression(outputs=("y",)), (X, np.tanh(X[:, 1:])))
    assert "f1 (0.99" in text


def test_values_that_overflow() -> None:
    rows = X * 1e307
    assert found(Regression(outputs=("y",)), (rows, X[:, :1] * 1e300)) == []

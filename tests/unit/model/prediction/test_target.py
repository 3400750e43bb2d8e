"""Targets: the answers of each kind, and invalid descriptions."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from model.arrays import Array
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

BINARY = Binary(negative="no", positive="yes")
COLOURS = MultiClass(classes=("red", "green", "blue"))
PETS = MultiLabel(labels=("cat", "dog"))
MASS = Regression(outputs=("mass",), unit="kg")
SIZES = Regression(task="non_negative", outputs=("width", "height"))
ALL: list[Target] = [BINARY, COLOURS, PETS, MASS, SIZES]


def lists(columns: dict[str, Array]) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in columns.items()}


def test_positive_is_strictly_above_the_threshold() -> None:
    rows = np.array([[0.7], [np.nextafter(0.7, 1)], [0.0], [1.0]])
    assert [each["label"] for each in BINARY.answers(rows, 0.7)] == ["no", "yes", "no", "yes"]
    columns = BINARY.columns(rows, 0.7)
    assert columns["label"].tolist() == ["no", "yes", "no", "yes"]
    assert columns["probability"].tolist() == rows[:, 0].tolist()
    assert BINARY.answers(np.array([[0.0]]), 0.0)[0]["label"] == "no"
    assert BINARY.answers(np.array([[1.0]]), 1.0)[0]["label"] == "no"


def test_likeliest_class_and_ties() -> None:
    rows = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    first, tied = COLOURS.answers(rows, np.nan)
    probabilities = {"red": 0.2, "green": 0.5, "blue": 0.3}
    assert first == {"label": "green", "probabilities": probabilities}
    assert tied["label"] == "red"
    assert lists(COLOURS.columns(rows, np.nan)) == {
        "label": ["green", "red"],
        "probability_red": [0.2, 0.4],
        "probability_green": [0.5, 0.4],
        "probability_blue": [0.3, 0.2],
    }


def test_predicted_labels() -> None:
    rows = np.array([[0.2, 0.9], [0.6, 0.6], [0.5, 0.1]])
    assert [each["labels"] for each in PETS.answers(rows, 0.5)] == [["dog"], ["cat", "dog"], []]
    assert PETS.answers(rows, 0.5)[0]["probabilities"] == {"cat": 0.2, "dog": 0.9}
    assert lists(PETS.columns(rows, 0.5)) == {
        "probability_cat": [0.2, 0.6, 0.5],
        "probability_dog": [0.9, 0.6, 0.1],
        "predicted_cat": [False, True, False],
        "predicted_dog": [True, True, False],
    }


def test_numbers() -> None:
    assert MASS.answers(np.array([[2.5]]), np.nan) == [{"value": 2.5}]
    both = np.array([[1.0, 2.0]])
    assert SIZES.answers(both, np.nan) == [{"values": {"width": 1.0, "height": 2.0}}]
    assert lists(SIZES.columns(both, np.nan)) == {
        "predicted_width": [1.0],
        "predicted_height": [2.0],
    }


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.task)
def test_answers_and_columns_agree(target: Target) -> None:
    predictions = np.random.default_rng(0).random((5, len(target.names)))
    assert len(target.answers(predictions, 0.5)) == 5
    assert {len(column) for column in target.columns(predictions, 0.5).values()} == {5}
    json.dumps([target.answers(predictions, 0.5), lists(target.columns(predictions, 0.5))])
    assert target.answers(predictions[:0], 0.5) == []


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.task)
def test_json_round_trip(target: Target) -> None:
    adapter: TypeAdapter[Target] = TypeAdapter(Target)
    assert adapter.validate_json(target.model_dump_json()) == target


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"task": "binary", "negative": "a", "positive": "a"}, "the two labels must differ"),
        ({"task": "binary", "negative": "a"}, "Field required"),
        ({"task": "multi_class", "classes": ["a"]}, "at least 2 items"),
        ({"task": "multi_class", "classes": ["a", "b", "a"]}, "class 'a' is listed twice"),
        ({"task": "multi_class", "classes": ["a", "b\n"]}, "must have no control characters"),
        ({"task": "multi_label", "labels": []}, "at least 1 item"),
        ({"task": "multi_label", "labels": ["a", "a"]}, "label 'a' is listed twice"),
        ({"task": "regression", "outputs": ["a", "a"]}, "output 'a' is listed twice"),
        ({"task": "regression", "outputs": ["a"], "more": 1}, "Extra inputs"),
        ({"task": "ranking"}, "does not match any of the expected tags"),
    ],
)
def test_invalid_target(given: dict[str, Any], why: str) -> None:
    adapter: TypeAdapter[Target] = TypeAdapter(Target)
    with pytest.raises(ValidationError, match=why):
        adapter.validate_python(given)


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("target", ALL, ids=lambda target: target.task)
def test_tally_equals_the_counts_of_answers(target: Target, rows: int) -> None:
    predictions = np.random.default_rng(rows).uniform(size=(rows, len(target.names)))
    counts: Counter[str] = Counter()
    for answer in target.answers(predictions, 0.4):
        counts.update(answer.get("labels", [answer.get("label", "")]))
    tally = target.tally(predictions, 0.4)
    assert {label: count for label, count in tally.items() if count} == dict(counts)


def test_tally_counts_labels_strictly_above_the_threshold() -> None:
    one = np.array([[0.7]])
    assert BINARY.tally(one, 0.7) == {"no": 1}
    assert BINARY.tally(np.repeat(one, 3, axis=0), 0.7) == {"no": 3}
    assert BINARY.tally(one, 0.69) == {"yes": 1}
    assert PETS.tally(np.array([[0.7, 0.8]]), 0.7) == {"dog": 1}

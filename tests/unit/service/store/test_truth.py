"""The form of truths, and their counts."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from support.random_model import TARGETS

from service.store.truth import (
    InvalidTruth,
    predictions_of,
    truth_counts,
    truth_json,
    value_of_text,
)


@pytest.mark.parametrize(
    ("task", "value", "text"),
    [
        ("binary", "no", '"no"'),
        ("binary", True, '"yes, surely"'),
        ("binary", False, '"no"'),
        ("multi_class", 'b "quoted"', '"b \\\\"quoted\\\\""'.replace("\\\\", "\\")),
        ("multi_label", [], "[]"),
        ("multi_label", ["cough", "fever", "cough"], '["fever","cough"]'),
        ("regression", 3, '{"dose":3.0}'),
        ("regression", {"dose": 1.5}, '{"dose":1.5}'),
        ("non_negative", {"visits": 2, "days": 1}, '{"days":1.0,"visits":2.0}'),
    ],
)
def test_a_truth_has_one_form(task: str, value: Any, text: str) -> None:
    assert truth_json(TARGETS[task], value) == text


@pytest.mark.parametrize(
    ("task", "value"),
    [
        ("binary", "secret"),
        ("binary", 1.5),
        ("binary", None),
        ("binary", ["no"]),
        ("multi_class", "secret"),
        ("multi_class", True),
        ("multi_class", ["a"]),
        ("multi_label", "fever"),
        ("multi_label", ["secret"]),
        ("multi_label", [["fever"]]),
        ("regression", True),
        ("regression", "3"),
        ("regression", math.nan),
        ("regression", math.inf),
        ("regression", 10**400),
        ("regression", {"other": 1}),
        ("non_negative", 1),
        ("non_negative", {"days": 1}),
    ],
)
def test_another_value_is_no_truth_and_is_not_repeated(task: str, value: Any) -> None:
    with pytest.raises(InvalidTruth) as error:
        truth_json(TARGETS[task], value)
    assert "secret" not in str(error.value)


def test_counts_of_a_truth() -> None:
    assert truth_counts(TARGETS["binary"], np.array([0.7]), "yes, surely", '"no"') == Counter(
        {("truth", "yes, surely=no", 699): 1, ("confusion", '["yes, surely","no"]', 0): 1}
    )
    classes = truth_counts(TARGETS["multi_class"], np.array([0.5, 0.3, 0.2]), "a", '"c"')
    assert classes == Counter(
        {
            ("truth", "a=c", 499): 1,
            ("truth", 'b "quoted"=c', 299): 1,
            ("truth", "c=c", 199): 1,
            ("confusion", '["a","c"]', 0): 1,
        }
    )
    labels = truth_counts(TARGETS["multi_label"], np.array([0.5, 0.3]), '["fever"]', '["cough"]')
    assert labels == Counter({("truth", "fever=0", 499): 1, ("truth", "cough=1", 299): 1})
    assert not truth_counts(TARGETS["regression"], np.array([1.0]), None, '{"dose":3.0}')


def test_stored_predictions() -> None:
    assert predictions_of(0.25, None).tolist() == [0.25]
    assert predictions_of(None, np.array([0.25, 0.5]).tobytes()).tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("task", "text", "truth"),
    [
        ("binary", "no", '"no"'),
        ("binary", "TRUE", '"yes, surely"'),
        ("binary", "false", '"no"'),
        ("multi_class", "a", '"a"'),
        ("multi_label", "fever; cough", '["fever","cough"]'),
        ("multi_label", "[]", "[]"),
        ("regression", "2.5", '{"dose":2.5}'),
        ("non_negative", '{"days": 1, "visits": 2}', '{"days":1.0,"visits":2.0}'),
    ],
)
def test_a_cell_states_a_truth(task: str, text: str, truth: str) -> None:
    value = value_of_text(TARGETS[task], text)
    assert sorted(truth_json(TARGETS[task], value)) == sorted(truth)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("binary", "1"),
        ("multi_class", "true"),
        ("multi_label", ""),
        ("multi_label", "[secret"),
        ("regression", "NaN"),
        ("regression", "1,5"),
        ("regression", "secret"),
        ("regression", "[" * 100_000),
        ("non_negative", "1"),
    ],
)
def test_another_cell_states_no_truth(task: str, text: str) -> None:
    with pytest.raises(InvalidTruth) as error:
        truth_json(TARGETS[task], value_of_text(TARGETS[task], text))
    assert "secret" not in str(error.value)

"""Tests of service.comparison.pairs: limits, groups, truth and ids."""

import numpy as np
import pytest
from support.random_model import TARGETS

from model.prediction.target import Target
from service.comparison import pairs as module
from service.comparison.pairs import LISTED_ROWS, Pairs, truth_row
from service.comparison.stored_pairs import AnsweredRow
from service.store.identifiers import row_name, uuid7
from service.store.truth import truth_json

BINARY = TARGETS["binary"]


def answered(count: int, subject: bytes | None = None, truth: object = None) -> list[AnsweredRow]:
    id_ = uuid7()
    return [
        AnsweredRow(id_, number, number, "a" * 64, 0.5, np.array([0.4]), subject, truth)
        for number in range(count)
    ]


def test_rows_beyond_the_maximum_are_left_out() -> None:
    pairs = Pairs(BINARY, 50)
    first = answered(30)
    pairs.add(first, np.linspace(0.4, 0.6, 30)[:, None])
    was_full = pairs.is_full
    pairs.add(answered(30), np.full((30, 1), 0.4))
    assert (was_full, pairs.is_full) == (False, True)
    pairs.add(answered(1), np.full((1, 1), 0.4))
    found = pairs.describe()
    assert (pairs.rows, found["rows"], found["is_limited"]) == (50, 50, True)
    assert found["versions"] == [{"version": "a" * 64, "rows": 50}]
    assert [each["id"] for each in found["largest"]] == [
        row_name(first[0].id, 29 - number) for number in range(LISTED_ROWS)
    ]
    assert found["largest"][0]["difference"] == pytest.approx(0.2)
    assert found["from"] == "1970-01-01T00:00:00.000000Z"


def test_many_outputs_leave_room_for_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NUMBERS", 20)
    pairs = Pairs(BINARY, 50)
    pairs.add(answered(11), np.full((11, 1), 0.4))
    assert (pairs.rows, pairs.is_full) == (10, True)


def test_rows_of_a_subject_are_one_group() -> None:
    pairs = Pairs(BINARY, 100)
    for subject in (b"a", b"b", b"a", None):
        pairs.add(answered(2, subject, "no"), np.full((2, 1), 0.4))
    truth = pairs.describe()["truth"]
    assert (truth["rows"], truth["groups"]) == (8, 4)


def test_no_rows(kinds_target: Target) -> None:
    found = Pairs(kinds_target, 10).describe()
    assert (found["rows"], found["from"], found["largest"]) == (0, None, [])


@pytest.fixture(params=list(TARGETS))
def kinds_target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def test_truths() -> None:
    import json

    for task, value, expected in (
        ("binary", True, [True]),
        ("binary", "no", [False]),
        ("multi_class", "c", [2]),
        ("multi_label", ["cough"], [False, True]),
        ("regression", 2, [2.0]),
        ("non_negative", {"visits": 1, "days": 3}, [3.0, 1.0]),
    ):
        target = TARGETS[task]
        row = truth_row(target, json.loads(truth_json(target, value)))
        assert row.tolist() == expected
        assert row.dtype == target.dtype

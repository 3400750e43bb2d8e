"""Tests of service.shadow.ring: batches, order, limits and splits."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.stored_rows import encoded_rows, encoding_version, predicted, version_of

from service.shadow.ring import BATCH_ROWS, Answered, ShadowRing, decoded
from service.store.records import PredictedRows, ShortAnswer

ANSWERED, SHADOW = version_of(), version_of(sha256="1" * 64)
ROWS = predicted(ANSWERED, 300)


def rows_of(first: int, count: int) -> PredictedRows:
    return ROWS.part(first, first + count)


def first_row(rows: Answered) -> int:
    assert isinstance(rows, PredictedRows)
    return rows.first_row


def places(batch: Sequence[tuple[Answered, object]]) -> list[int]:
    return [
        first_row(rows) + number for rows, _ in batch for number in range(len(rows.predictions))
    ]


@given(st.lists(st.integers(1, 150), max_size=8), st.integers(1, 400))
def test_every_taken_row_comes_out_once_in_order(sizes: list[int], room: int) -> None:
    ring, expected = ShadowRing(room), list[int]()
    for size in sizes:
        taken = ring.put(rows_of(0, size), SHADOW)
        assert taken == min(size, room - len(expected))
        expected += range(taken)
    found: list[int] = []
    while batch := ring.take():
        assert len(places(batch)) == min(BATCH_ROWS, len(expected) - len(found))
        found += places(batch)
    assert found == expected
    assert not ring.wait(0)
    assert ring.put(rows_of(0, 1), SHADOW) == 1
    assert ring.wait(0)


def test_a_batch_has_one_version() -> None:
    ring, other = ShadowRing(), version_of(sha256="2" * 64)
    for version in (SHADOW, SHADOW, other, SHADOW):
        ring.put(rows_of(0, 1), version)
    batches = [ring.take() for _ in range(4)]
    assert [len(each) for each in batches] == [2, 1, 1, 0]
    assert batches[1][0].version is other


def test_parts_have_their_rows() -> None:
    ring = ShadowRing(100)
    assert ring.put(rows_of(10, 150), SHADOW) == 100
    assert ring.put(rows_of(0, 1), SHADOW) == 0
    first, second = ring.take(), ring.take()
    assert (first_row(first[0].rows), len(first[0].rows.predictions)) == (10, 64)
    assert (first_row(second[0].rows), len(second[0].rows.predictions)) == (74, 36)
    assert second[0].rows.predictions.tolist() == ROWS.predictions[74:110].tolist()
    ring.wake()
    assert ring.wait(0)


def test_a_short_answer_that_does_not_fit_is_decoded_and_cut() -> None:
    version = encoding_version()
    parsed, predictions = encoded_rows(version, 100)
    answer = ShortAnswer(version, 0.5, parsed, predictions, None, 0, "", None)
    ring = ShadowRing(90)
    assert ring.put(answer, SHADOW) == 90
    rows = [decoded(each.rows) for _ in range(2) for each in ring.take()]
    assert [len(each.values) for each in rows] == [64, 26]
    values = np.concatenate([each.values for each in rows])
    assert np.array_equal(values, answer.decoded().values[:90])

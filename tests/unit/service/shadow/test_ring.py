"""Tests of service.shadow.ring: batches, order, limits and splits."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.stored_rows import encoded_rows, encoding_version, predicted, version_of

from service.shadow.ring import BATCH_ROWS, ShadowRing
from service.store.answer_cells import AnswerCells
from service.store.groups import Record
from service.store.records import PredictedRows
from service.store.row_queue import RowQueue

SHADOW, OTHER = version_of(sha256="1" * 64), version_of(sha256="2" * 64)
ANSWERED = replace(version_of(), shadow=SHADOW)
ROWS = predicted(ANSWERED, 300)


def rows_of(first: int, count: int) -> PredictedRows:
    return ROWS.part(first, first + count)


def first_row(record: Record) -> int:
    assert isinstance(record, PredictedRows)
    return record.first_row


def places(batch: Sequence[Record]) -> list[int]:
    return [first_row(each) + number for each in batch for number in range(each.count)]


@given(st.lists(st.integers(1, 150), max_size=8), st.integers(1, 400))
def test_every_taken_row_comes_out_once_in_order(sizes: list[int], room: int) -> None:
    ring, expected = ShadowRing(room), list[int]()
    for size in sizes:
        taken = ring.put(rows_of(0, size))
        assert taken == min(size, room - len(expected))
        expected += range(taken)
    found: list[int] = []
    while batch := ring.take():
        assert len(places(batch)) == min(BATCH_ROWS, len(expected) - len(found))
        found += places(batch)
    assert found == expected
    assert not ring.wait(0)
    assert ring.put(rows_of(0, 1)) == 1
    assert ring.wait(0)


def test_a_batch_has_one_shadow_version() -> None:
    ring = ShadowRing()
    for shadow in (SHADOW, SHADOW, OTHER, SHADOW):
        ring.put(predicted(replace(ANSWERED, shadow=shadow)))
    batches = [ring.take() for _ in range(4)]
    assert [len(each) for each in batches] == [2, 1, 1, 0]
    assert batches[1][0].version.shadow is OTHER


def test_parts_have_their_rows() -> None:
    ring = ShadowRing(100)
    assert ring.put(rows_of(10, 150)) == 100
    assert ring.put(rows_of(0, 1)) == 0
    first, second = ring.take(), ring.take()
    assert (first_row(first[0]), first[0].count) == (10, 64)
    assert (first_row(second[0]), second[0].count) == (74, 36)
    assert second[0].predictions.tolist() == ROWS.predictions[74:110].tolist()
    ring.wake()
    assert ring.wait(0)


def test_short_answers_are_cut() -> None:
    version = replace(encoding_version(), shadow=SHADOW)
    rows, predictions = encoded_rows(version, 100)
    queue = RowQueue()
    queue.put_answer(queue.new_source(version, 0.5), rows, predictions, None, 0, "", None)
    batch = queue.take()
    assert batch is not None
    ring = ShadowRing(90)
    assert ring.put(batch.records[0]) == 90
    cells = [each for _ in range(2) for each in ring.take() if isinstance(each, AnswerCells)]
    assert [each.numbers for each in cells] == [[*range(64)], [*range(64, 90)]]

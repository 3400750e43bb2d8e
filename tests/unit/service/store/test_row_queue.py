"""The queue: limits, batches, and counted blocks."""

import threading
import time
from collections.abc import Callable
from statistics import median

import pytest
from support.stored_rows import encoded_rows, encoding_version, predicted, version_of

from service.store.answer_cells import BATCH_ROWS, AnswerCells, AnswerSource
from service.store.records import RECORD_BYTES, PredictedRows
from service.store.row_queue import Batch, RowQueue, rows_of

VERSION, ENCODING = version_of(), encoding_version()


def test_rows_come_out_in_order_in_batches() -> None:
    queue = RowQueue()
    records = [predicted(VERSION, 100) for _ in range(50)]
    assert all(queue.put(each) for each in records)
    first = queue.take()
    second = queue.take()
    assert first is not None
    assert second is not None
    assert [*first.records, *second.records] == records
    assert sum(len(each.predictions) for each in first.records) == 4100
    assert queue.take() is None
    assert queue.rows == 5000
    queue.release(first)
    queue.release(second)
    assert (queue.rows, queue._bytes, queue.dropped, queue.is_empty) == (0, 0, 0, True)


def test_rows_beyond_the_limits_are_dropped_and_counted() -> None:
    queue = RowQueue(max_rows=3)
    assert [queue.put(predicted(VERSION, 2)) for _ in range(2)] == [True, False]
    assert (queue.rows, queue.dropped) == (2, 2)
    small = RowQueue(max_bytes=RECORD_BYTES + 5 * 8)
    assert [small.put(predicted(VERSION)) for _ in range(2)] == [True, False]
    batch = small.take()
    assert batch is not None
    assert not small.put(predicted(VERSION))  # rows of a batch count until they are written
    small.release(batch)
    assert small.put(predicted(VERSION))


def test_a_batch_that_is_dropped_is_counted() -> None:
    queue = RowQueue(max_rows=10)
    queue.put(predicted(VERSION, 2))
    queue.put_block(predicted(VERSION, 9))
    batch = queue.take()
    assert batch is not None
    queue.release(batch, dropped=rows_of(batch))
    assert queue.dropped == 11


def test_blocks_are_kept_in_parts_until_half_of_the_queue_is_used_and_then_counted() -> None:
    queue = RowQueue(max_rows=4 * BATCH_ROWS)
    assert queue.put_block(predicted(VERSION, BATCH_ROWS + 10))
    assert not queue.put_block(predicted(VERSION, 2 * BATCH_ROWS))
    assert queue.unkept == 2 * BATCH_ROWS - (0 if queue.rows == BATCH_ROWS + 10 else BATCH_ROWS)
    assert queue.put(predicted(VERSION, 50))  # single answers have the other half
    rows, counted = 0, 0
    while batch := queue.take():
        assert all(len(each.predictions) <= BATCH_ROWS for each in batch.records)
        rows += sum(len(each.predictions) for each in batch.records)
        counted += sum(each["rows", "", 0] for each in batch.counted.values())
        queue.release(batch)
    assert rows + counted == 3 * BATCH_ROWS + 60
    assert counted == queue.unkept
    assert queue.is_empty


def test_the_numbers_of_a_blocks_rows_go_on() -> None:
    queue = RowQueue()
    queue.put_block(predicted(VERSION, BATCH_ROWS + 5, first_row=7))
    batches = [queue.take(), queue.take()]
    records = [each.records[0] for each in batches if each]
    assert [each.first_row for each in records if isinstance(each, PredictedRows)] == [
        7,
        7 + BATCH_ROWS,
    ]


def test_waiting_ends_with_a_row() -> None:
    queue = RowQueue()
    queue.hurry()
    queue.wait(0)
    thread = threading.Thread(target=queue.wait, args=(60,))
    thread.start()
    queue.put(predicted(VERSION))
    thread.join(30)
    assert not thread.is_alive()


def test_the_oldest_row_has_its_time() -> None:
    queue = RowQueue()
    before = time.monotonic()
    for _ in range(2):
        queue.put(predicted(VERSION, BATCH_ROWS))
    times = [queue.oldest]
    for _ in range(2):
        queue.take()
        times.append(queue.oldest)
    first, of_the_second_batch, end = times
    assert first is not None
    assert before <= first <= time.monotonic()
    assert of_the_second_batch == first
    assert end is RowQueue().oldest is None


def put_answer(queue: RowQueue, source: AnswerSource, rows: int = 1) -> bool:
    parsed, predictions = encoded_rows(source.version, rows)
    return queue.put_answer(source, parsed, predictions, None, 0, "", None)


def test_short_answers_of_a_source_become_one_record_until_a_batch_is_taken() -> None:
    queue = RowQueue()
    first, second = (queue.new_source(ENCODING, threshold) for threshold in (0.5, 0.7))
    for source, rows in ((first, 1), (second, 1), (first, 3)):
        assert put_answer(queue, source, rows)
    batch = queue.take()
    assert batch is not None
    assert [each.count for each in batch.records] == [4, 1]
    assert put_answer(queue, first)
    assert [each.count for each in batch.records] == [4, 1]  # the writer's are its own
    assert queue.rows == 6
    queue.release(batch)
    assert queue.rows == 1
    assert queue.take() is not None


def test_cells_are_closed_when_they_are_a_batch() -> None:
    queue, rows = RowQueue(), 64
    source = queue.new_source(ENCODING, 0.5)
    parsed, predictions = encoded_rows(ENCODING, rows)
    for _ in range(BATCH_ROWS // rows + 1):
        queue.put_answer(source, parsed, predictions, None, 0, "", None)
    sizes = []
    while batch := queue.take():
        sizes.append([each.count for each in batch.records])
    assert sizes == [[BATCH_ROWS], [rows]]


def test_short_answers_beyond_the_limit_are_dropped_and_counted() -> None:
    queue = RowQueue(max_rows=3)
    source = queue.new_source(ENCODING, 0.5)
    assert [put_answer(queue, source, 2) for _ in range(2)] == [True, False]
    assert (queue.rows, queue.dropped) == (2, 2)
    assert queue.is_half_full


def test_a_batch_is_halved_down_to_one_row_of_short_answers() -> None:
    queue = RowQueue()
    source = queue.new_source(ENCODING, 0.5)
    parsed, predictions = encoded_rows(ENCODING, 5)
    queue.put_answer(source, parsed, predictions, None, 7, "clinic", b"s")
    queue.put(predicted(VERSION, 2))
    found = queue.take()
    assert found is not None
    whole = [found]
    parts: list[Batch] = []
    while whole:
        batch = whole.pop()
        halves = batch.halves()
        parts += [] if halves else [batch]
        whole += reversed(halves or ())
    cells = [each for part in parts for each in part.records if isinstance(each, AnswerCells)]
    assert [each.numbers for each in cells] == [[0], [1], [2], [3], [4]]
    assert [each.cells[: source.features] for each in cells] == [[*row] for row in parsed]
    assert sum(map(rows_of, parts)) == rows_of(found) == 7


@pytest.mark.slow
def test_putting_takes_about_a_microsecond(figures: Callable[[str], None]) -> None:
    queue = RowQueue()
    source = queue.new_source(ENCODING, 0.5)
    rows, predictions = encoded_rows(ENCODING, 1)
    times = []
    for _ in range(5000):
        start = time.perf_counter_ns()
        queue.put_answer(source, rows, predictions, None, 0, "", None)
        times.append(time.perf_counter_ns() - start)
    figures(f"put: {median(times)} ns")
    assert median(times) < 5000  # of a machine under load

"""The queue: limits, batches, and counted blocks."""

import threading
import time
from collections.abc import Callable
from statistics import median

import pytest
from support.stored_rows import predicted, version_of

from service.store.records import PredictedRows
from service.store.row_queue import BATCH_ROWS, RECORD_BYTES, RowQueue, rows_of

VERSION = version_of()


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


@pytest.mark.slow
def test_putting_takes_about_a_microsecond(figures: Callable[[str], None]) -> None:
    queue = RowQueue()
    rows = predicted(VERSION)
    times = []
    for _ in range(5000):
        start = time.perf_counter_ns()
        queue.put(rows)
        times.append(time.perf_counter_ns() - start)
    figures(f"put: {median(times)} ns")
    assert median(times) < 5000  # of a machine under load

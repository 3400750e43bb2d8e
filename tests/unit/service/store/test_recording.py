"""Recording of short answers: what is put, and their names."""

import math

import pytest
from support.stored_rows import encoded_rows, encoding_version

from service.request_context import RequestContext
from service.store.answer_cells import AnswerCells
from service.store.identifiers import parse_name
from service.store.recording import MAX_SOURCES, VersionRecorder
from service.store.row_queue import Batch, RowQueue

VERSION = encoding_version()
ROWS, PREDICTIONS = encoded_rows(VERSION, 2)
REQUEST = RequestContext("id", key="clinic", subject=b"s")


def record(recorder: VersionRecorder, threshold: float = 0.5) -> str | None:
    name = None if recorder.new_name is None else recorder.new_name(7000)
    recorder.record_encoded(ROWS, PREDICTIONS, threshold, REQUEST, name, 7000)
    return name


def taken(queue: RowQueue) -> list[AnswerCells]:
    batch = queue.take()
    assert batch is not None
    return [each for each in batch.records if isinstance(each, AnswerCells)]


@pytest.mark.parametrize("has_ids", [True, False])
def test_the_rows_of_a_short_answer_are_put_with_its_facts(has_ids: bool) -> None:
    queue = RowQueue()
    name = record(VersionRecorder(queue, VERSION, has_ids=has_ids))
    assert (name is not None) == has_ids
    assert name is None or parse_name(name) is not None
    assert queue.rows == 2
    [cells] = taken(queue)
    assert (cells.source.version, cells.source.threshold) == (VERSION, 0.5)
    assert (cells.ids, cells.numbers, cells.times) == ([name] * 2, [0, 1], [7000] * 2)
    assert (cells.key_ids, cells.subjects) == (["clinic"] * 2, [b"s"] * 2)
    assert cells.predictions.tobytes() == PREDICTIONS.tobytes()
    queue.release(Batch([cells], {}, 0.0))
    assert (queue.rows, queue._bytes, queue.is_empty) == (0, 0, True)


def test_many_thresholds_share_sources_up_to_a_limit() -> None:
    queue = RowQueue()
    recorder = VersionRecorder(queue, VERSION, has_ids=True)
    for threshold in (0.5, 1 / 2, math.nan, math.nan):
        record(recorder, threshold)
    assert len(recorder._sources) == len(taken(queue)) == 2
    for number in range(3 * MAX_SOURCES):
        record(recorder, number)
    assert 0 < len(recorder._sources) <= MAX_SOURCES
    assert len(taken(queue)) == 3 * MAX_SOURCES

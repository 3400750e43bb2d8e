"""Recording of short answers: what is put when they are sent, and their names."""

import math

import pytest
from support.stored_rows import encoded_rows, encoding_version

from service.request_context import RequestContext
from service.store.groups import Record
from service.store.identifiers import parse_name
from service.store.recording import MAX_SOURCES, VersionRecorder
from service.store.records import ShortAnswer
from service.store.row_queue import Batch, RowQueue

VERSION = encoding_version()
ROWS, PREDICTIONS = encoded_rows(VERSION, 2)
REQUEST = RequestContext("id", key="clinic", subject=b"s")


def taken(queue: RowQueue) -> list[Record]:
    batch = queue.take()
    return [] if batch is None else batch.records


@pytest.mark.parametrize("has_ids", [True, False])
def test_a_short_answer_is_put_when_it_is_sent(has_ids: bool) -> None:
    queue = RowQueue()
    recorder = VersionRecorder(queue, VERSION, has_ids=has_ids)
    recording = recorder.record_encoded(ROWS, PREDICTIONS, 0.5, REQUEST)
    assert queue.is_empty
    recording.commit()
    assert queue.rows == 2
    [answer] = taken(queue)
    assert isinstance(answer, ShortAnswer)
    assert (answer.id is not None) == has_ids
    assert answer.id is None or parse_name(answer.id) is not None
    assert (answer.key_id, answer.subject, answer.rows) == ("clinic", b"s", ROWS)
    assert (answer.source.version, answer.source.threshold) == (VERSION, 0.5)
    queue.release(Batch([answer], {}, 0.0))
    assert (queue.rows, queue._bytes, queue.is_empty) == (0, 0, True)


def test_only_what_the_queue_takes_is_offered() -> None:
    offered: list[Record] = []
    queue = RowQueue(max_rows=3)
    recorder = VersionRecorder(queue, VERSION, has_ids=True, offer=offered.append)
    for _ in range(2):
        recorder.record_encoded(ROWS, PREDICTIONS, 0.5, REQUEST).commit()
    assert len(offered) == 1
    assert queue.dropped == 2
    assert taken(queue) == offered


def test_many_thresholds_share_sources_up_to_a_limit() -> None:
    recorder = VersionRecorder(RowQueue(), VERSION, has_ids=True)

    def source_of(threshold: float) -> object:
        return recorder.record_encoded(ROWS, PREDICTIONS, threshold, REQUEST).source

    assert source_of(0.5) is source_of(1 / 2)
    assert source_of(math.nan) is source_of(math.nan)
    for number in range(3 * MAX_SOURCES):
        source_of(number)
    assert 0 < len(recorder._sources) <= MAX_SOURCES

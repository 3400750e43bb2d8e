"""Groups of records have the rows, counts and origins of the records, whatever their form."""

from collections import Counter
from dataclasses import replace
from itertools import chain
from time import time_ns
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.random_model import TARGETS
from support.stored_rows import encoded_rows, encoding_version, predicted, version_of

from model.arrays import Array
from service.store.answer_cells import AnswerSource
from service.store.counting import HOUR_MICROSECONDS, Counts
from service.store.groups import counts_of, group
from service.store.identifiers import ids_of, new_answer_name
from service.store.records import PredictedRows, StoredVersion
from service.store.row_queue import RowQueue

VERSIONS = {task: encoding_version(task) for task in TARGETS}
FACTS = st.tuples(
    st.sampled_from(["encoded", "answer", "shadow"]),
    st.integers(1, 3),
    st.sampled_from([0.5, 0.7]),
    st.sampled_from([100, 101]),
    st.sampled_from([None, "clinic"]),
    st.sampled_from([None, b"s" * 32]),
)


class ShortAnswer(NamedTuple):
    """What is put for a short answer."""

    version: StoredVersion
    threshold: float
    rows: list[Any]
    predictions: Array
    id: str | None
    at: int
    key_id: str
    subject: bytes | None

    def decoded(self) -> PredictedRows:
        """Return the rows with raw values."""
        tables = self.version.predictor.row_tables
        assert tables is not None
        return PredictedRows(
            ids_of([self.id])[0] if self.id else bytes(16),
            self.at // 1000,
            self.version,
            self.threshold,
            tables.raw_values([*chain.from_iterable(self.rows)]),
            self.predictions,
            self.key_id or None,
            self.subject,
        )


def answer_of(
    task: str, threshold: float, rows: int, at: int, key: str | None, subject: bytes | None
) -> ShortAnswer:
    version, name = VERSIONS[task], new_answer_name(time_ns())
    parsed, predictions = encoded_rows(version, rows, seed=rows)
    return ShortAnswer(version, threshold, parsed, predictions, name, at, key or "", subject)


def put(queue: RowQueue, sources: dict[float, AnswerSource], answer: ShortAnswer) -> None:
    version, threshold, rows, predictions, id_, at, key_id, subject = answer
    source = sources.setdefault(threshold, queue.new_source(version, threshold))
    assert queue.put_answer(source, rows, predictions, id_, at, key_id, subject)


@pytest.mark.parametrize("task", TARGETS)
@given(facts=st.lists(FACTS, min_size=1, max_size=8))
def test_groups_have_all_rows_with_their_origins(
    task: str, facts: list[tuple[str, int, float, int, str | None, bytes | None]]
) -> None:
    queue = RowQueue()
    sources: dict[float, AnswerSource] = {}
    rows_put: list[PredictedRows] = []
    for number, (kind, rows, threshold, hour, key, subject) in enumerate(facts):
        at = hour * HOUR_MICROSECONDS + number
        if kind == "encoded":
            answer = answer_of(task, threshold, rows, at * 1000, key, subject)
            put(queue, sources, answer)
            rows_put.append(answer.decoded())
        else:
            fields = {"at": at, "threshold": threshold, "key_id": key, "subject": subject}
            version = VERSIONS[task]
            rows_put.append(predicted(version, rows, kind=kind, first_row=number, **fields))
            queue.put(rows_put[-1])
    batch = queue.take()
    assert batch is not None
    expected = {
        (each.kind, each.threshold, each.hour, each.id, each.first_row + row): (
            each.values[row].tobytes(),
            each.predictions[row].tobytes(),
            (each.at, each.key_id, each.subject),
        )
        for each in rows_put
        for row in range(len(each.predictions))
    }
    found: dict[object, object] = {}
    for each in (part for whole in group(batch.records) for part in whole.parts(2)):
        count = len(each.predictions)
        origins = zip(*each.origins(0, count), strict=True)
        for row, (id_, place, *others) in enumerate(origins):
            found[each.kind, each.threshold, each.hour, id_, place] = (
                each.values[row].tobytes(),
                each.predictions[row].tobytes(),
                tuple(others),
            )
    assert found == expected
    one_by_one: Counts = Counter()
    for put_rows in rows_put:
        one_by_one.update(counts_of([put_rows]))
    assert counts_of(batch.records) == one_by_one


def test_a_group_has_one_threshold_and_one_hour() -> None:
    queue = RowQueue()
    sources: dict[float, AnswerSource] = {}
    for threshold, hour in zip([0.5, 0.7, 0.5, 0.5], [5, 5, 6, 5], strict=True):
        at = hour * HOUR_MICROSECONDS * 1000
        put(queue, sources, answer_of("binary", threshold, 1, at, None, None))
    batch = queue.take()
    assert batch is not None
    found = [(each.hour, each.threshold, len(each.values)) for each in group(batch.records)]
    assert sorted(found) == [(5, 0.5, 2), (5, 0.7, 1), (6, 0.5, 1)]


def test_an_answer_without_a_name_is_counted() -> None:
    answer = answer_of("binary", 0.5, 2, 0, None, None)._replace(id=None)
    queue = RowQueue()
    put(queue, {}, answer)
    batch = queue.take()
    assert batch is not None
    assert counts_of(batch.records)["rows", "", 0] == 2


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("form", ["cells", "rows"])
def test_records_of_a_shadow_version_differ_in_version_kind_and_predictions(
    task: str, form: str
) -> None:
    shadow = version_of(task, sha256="2" * 64)
    version = replace(VERSIONS[task], shadow=shadow)
    answer = answer_of(task, 0.7, 3, 7999, "clinic", b"s")._replace(version=version)
    queue = RowQueue()
    if form == "cells":
        put(queue, {}, answer)
    else:
        queue.put(answer.decoded())
    batch = queue.take()
    assert batch is not None
    [record] = batch.records
    predictions = shadow.predictor.predict(record.values)
    [answered] = group([record])
    [found] = group([record.as_shadow(predictions)])
    assert (found.version, found.kind, found.threshold) == (shadow, "shadow", 0.7)
    assert (answered.version, answered.kind) == (version, "answer")
    assert np.array_equal(found.predictions, predictions)
    assert np.array_equal(found.values, answered.values)
    assert found.origins(0, 3) == answered.origins(0, 3)
    assert np.array_equal(answered.predictions, answer.predictions)
    assert found.counts()["shadow rows", "", 0] == 3

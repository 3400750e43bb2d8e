"""What is put is read back, at each level and for each kind of target."""

import json
import logging
import math
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from support.random_model import TARGETS
from support.stored_rows import all_counts, count_rows, predicted, store_at, version_of

from service.store.answer_cells import BATCH_ROWS
from service.store.batches import labels_of
from service.store.counting import Counts
from service.store.identifiers import uuid7
from service.store.reading import (
    counts_between,
    rows_between,
    rows_of,
    table_stats,
    versions,
)

HOUR = 3_600_000_000


@pytest.mark.parametrize("task", TARGETS)
def test_rows_are_read_back(task: str, store_url: str) -> None:
    version = version_of(task)
    predictor = version.predictor
    store = store_at(store_url)
    store.start()
    one = predicted(version, 1, key_id="clinic")
    many = predicted(version, 5, subject=b"s" * 32)
    assert store.put(one)
    assert store.put(many)
    assert store.stop(30) == 0
    with closing(store.open()) as database:
        assert versions(database) == {version.key: predictor.schema}
        found = list(rows_between(database))
        assert [(each.id, each.row) for each in found] == [
            (one.id, 0),
            *((many.id, number) for number in range(5)),
        ]
        labels = labels_of(predictor.schema.target, many.predictions, predictor.threshold)
        for number, stored in enumerate(found[1:]):
            values = [None if math.isnan(each) else each for each in many.values[number]]
            names = predictor.schema.names
            missing = tuple(names[at] for at, each in enumerate(values) if each is None)
            assert stored.values == values
            assert stored.predictions.tolist() == many.predictions[number].tolist()
            assert (stored.label, stored.imputed) == (labels[number], missing)
            assert (stored.at, stored.kind, stored.version) == (many.at, "answer", version.key)
            assert (stored.key_id, stored.has_truth) == (None, False)
            expected = predictor.threshold
            assert stored.threshold == (None if math.isnan(expected) else expected)
        assert found[0].key_id == "clinic"
        assert rows_of(database, many.id, 3)[0].values == found[4].values
        assert rows_of(database, many.id, 5) == []
        assert list(rows_between(database, start=many.at + 1)) == []
        assert len(list(rows_between(database, end=many.at))) == 1


@pytest.mark.parametrize(
    ("keeps", "predictions", "inputs"), [("counts", 0, 0), ("predictions", 8, 0), ("inputs", 8, 8)]
)
def test_levels(keeps: str, predictions: int, inputs: int, store_url: str) -> None:
    version = version_of()
    store = store_at(store_url, keeps)
    store.start()
    records = [predicted(version, 3), predicted(version, 5)]
    for each in records:
        store.put(each)
    assert store.stop(30) == 0
    expected: Counts = Counter()
    for each in records:
        expected += version.counter.counts(each.values, each.predictions, each.threshold)
    with closing(store.open()) as database:
        assert count_rows(database, "predictions") == predictions
        assert count_rows(database, "inputs") == inputs
        assert all_counts(database) == expected


def test_a_store_of_counts_has_no_value_and_no_id(tmp_path: Path) -> None:
    version = version_of()
    values = np.array([[7.123456789, 1, 1, 3]])
    rows = predicted(version, values=values, key_id="the-key", subject=b"the-subject")
    store = store_at(f"sqlite:///{tmp_path / 'store.db'}", "counts")
    store.start()
    store.put(rows)
    store.stop(30)
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert version.key.sha256.encode() in data
    for planted in (b"7.123456789", values[0, :1].tobytes(), rows.id, b"the-key", b"the-subject"):
        assert planted not in data


def test_hours_versions_and_thresholds_are_counted_apart(store_url: str) -> None:
    one, other = version_of(sha256="1" * 64), version_of(sha256="2" * 64)
    store = store_at(store_url)
    store.start()
    for hour, version, threshold in (
        (100, one, 0.5),
        (100, one, 0.99),
        (101, one, 0.5),
        (292, other, 0.5),
    ):
        store.put(predicted(version, 10, at=hour * HOUR + 5, threshold=threshold))
    assert store.stop(30) == 0
    with closing(store.open()) as database:
        hourly = counts_between(database, "kinds", 100, 300)
        assert {key: each["rows", "", 0] for key, each in hourly.items()} == {
            (100, one.key): 20,
            (101, one.key): 10,
            (292, other.key): 10,
        }
        weekly = counts_between(database, "kinds", 0, 300, hours=168, offset=72)
        assert {key: each["rows", "", 0] for key, each in weekly.items()} == {
            (96, one.key): 30,
            (264, other.key): 10,
        }
        daily = counts_between(database, "kinds", 0, 300, hours=24)
        assert {key: each["rows", "", 0] for key, each in daily.items()} == {
            (96, one.key): 30,
            (288, other.key): 10,
        }
        for start, stop, rows in ((97, 101, 20), (100, 101, 20), (101, 293, 20), (0, 101, 20)):
            parts = counts_between(database, "kinds", start, stop, hours=24)
            assert sum(each["rows", "", 0] for each in parts.values()) == rows
        assert counts_between(database, "kinds", 101, 102).keys() == {(101, one.key)}
        assert counts_between(database, "other", 0, 300) == {}
        stats = table_stats(database)
        assert (stats["predictions"].oldest, stats["counts"].newest) == (100 * HOUR + 5, 292 * HOUR)
        assert stats["predictions"].rows == 40


def test_a_shadow_is_stored_beside_the_answer(store_url: str) -> None:
    version, shadow = version_of(sha256="1" * 64), version_of(sha256="2" * 64)
    answer = predicted(version, 4)
    store = store_at(store_url)
    store.start()
    store.put(answer)
    store.put(predicted(shadow, id=answer.id, values=answer.values, kind="shadow"))
    assert store.stop(30) == 0
    with closing(store.open()) as database:
        found = rows_of(database, answer.id, 2)
        assert [(each.kind, each.version) for each in found] == [
            ("answer", version.key),
            ("shadow", shadow.key),
        ]
        assert found[0].values == found[1].values
        counts = all_counts(database)
        assert (counts["rows", "", 0], counts["shadow rows", "", 0]) == (4, 4)


def test_a_long_table_is_counted_in_full(store_url: str) -> None:
    version = version_of()
    store = store_at(store_url)
    id_, blocks = uuid7(), 16
    for number in range(blocks):  # the writer is not started: the queue becomes half full
        store.put_block(
            predicted(version, BATCH_ROWS, id=id_, first_row=number * BATCH_ROWS, at=5 * HOUR)
        )
    store.start()
    assert store.stop(60) == 0
    status = store.status
    assert 0 < status.unkept < blocks * BATCH_ROWS
    assert status.dropped == 0
    with closing(store.open()) as database:
        kept = count_rows(database, "predictions")
        assert kept + status.unkept == blocks * BATCH_ROWS
        assert all_counts(database)["rows", "", 0] == blocks * BATCH_ROWS


def test_rows_that_the_database_rejects_are_dropped_and_others_go_on(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    version = version_of()
    store = store_at(store_url)
    store.start()
    rows = predicted(version, key_id="hunter2")
    store.put(rows)
    assert store.flush(30)
    with caplog.at_level(logging.ERROR):
        others = [predicted(version) for _ in range(8)]
        for each in (*others[:5], rows, *others[5:]):  # an id that exists, among others
            store.put(each)
        assert store.flush(30)
    assert store.status.dropped == 1
    assert "hunter2" not in store.status.last_error
    assert [each.message for each in caplog.records] == ["store_rows_rejected"]
    store.put(predicted(version))
    assert store.stop(30) == 0
    with closing(store.open()) as database:
        assert count_rows(database, "predictions") == 10
        assert all_counts(database)["rows", "", 0] == 10


def test_imputed_names_are_json(store_url: str) -> None:
    version = version_of()
    store = store_at(store_url, "predictions")
    store.start()
    store.put(predicted(version, values=np.array([[1, np.nan, np.nan, 1]])))
    store.stop(30)
    with closing(store.open()) as database:
        [(text,)] = database.execute("SELECT imputed FROM predictions")
    assert json.loads(text) == ["colour", "smokes"]


def test_the_clock_jumps_back(store_url: str) -> None:
    version = version_of()
    store = store_at(store_url)
    store.start()
    for hour in (500, 499, 100, 500):
        store.put(predicted(version, at=hour * HOUR))
    assert store.stop(30) == 0
    assert store.status.lag_seconds == 0
    with closing(store.open()) as database:
        hours = {hour for hour, _ in counts_between(database, "kinds", 0, 1000)}
        assert hours == {100, 499, 500}
        assert len(list(rows_between(database))) == 4
        assert count_rows(database, "predictions") == 4


def test_a_store_that_was_not_started_loses_what_it_has(store_url: str) -> None:
    store = store_at(store_url)
    store.put(predicted(version_of(), 3))
    assert (store.stop(0.1), store.status.dropped) == (3, 3)


def test_a_subject_needs_a_key(store_url: str) -> None:
    assert store_at(store_url).subject("Ana") is None
    keyed = store_at(store_url, store_subject_key="k" * 16)
    assert keyed.subject("Ana") == keyed.subject("Ana") != keyed.subject("Ben")

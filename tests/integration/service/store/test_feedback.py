"""Ground truth: recorded, repeated, superseded, unknown, expired."""

import json
import threading
import time
from contextlib import closing

import pytest
from support.random_model import TARGETS
from support.stored_rows import all_counts, count_rows, predicted, store_at, version_of

from service.store.databases.database import StoreError
from service.store.feedback import (
    ExpiredPrediction,
    Truth,
    UnknownPrediction,
    record_truth,
    record_truths,
)
from service.store.identifiers import first_id_of, uuid7
from service.store.reading import rows_of
from service.store.records import PredictedRows
from service.store.retention import Retention
from service.store.store import Store, now_microseconds
from service.store.truth import InvalidTruth

DAY = 86_400_000_000
TRUTHS = {
    "binary": ("no", True),
    "multi_class": ("a", "c"),
    "multi_label": ([], ["fever", "cough"]),
    "regression": (1, {"dose": 2.5}),
    "non_negative": ({"days": 1, "visits": 2}, {"days": 1, "visits": 3}),
}


def stored(url: str, *rows: PredictedRows) -> Store:
    store = store_at(url)
    store.start()
    for each in rows:
        store.put(each)
    assert store.stop(30) == 0
    return store


@pytest.mark.parametrize("task", TARGETS)
def test_a_truth_is_recorded_repeated_and_superseded(task: str, store_url: str) -> None:
    rows = predicted(version_of(task), 3)
    store = stored(store_url, rows)
    before, after = TRUTHS[task]
    with closing(store.open(read_only=False)) as database:
        plain = all_counts(database)

        def record(value: object) -> str:
            truth = Truth(rows.id, 1, value)
            retention = store.retention
            return record_truth(
                database, truth, at=now_microseconds(), retention=retention, key_id="lab"
            ).outcome

        assert [record(each) for each in (before, before)] == ["recorded", "unchanged"]
        first = all_counts(database) - plain
        assert [record(each) for each in (after, after)] == ["superseded", "unchanged"]
        second = all_counts(database) - plain
        assert sum(first.values()) == sum(second.values())
        assert (first != second) == (task in ("binary", "multi_class", "multi_label"))
        assert record(before) == "superseded"
        assert all_counts(database) - plain == first
        assert count_rows(database, "feedback") == 3  # the history is kept
        [row] = rows_of(database, rows.id, 1)
        assert row.has_truth
        [(text,)] = database.execute("SELECT truth FROM feedback WHERE number = 1")
        assert row.truth == json.loads(text)
        assert not rows_of(database, rows.id, 0)[0].has_truth


def test_the_truth_of_a_shadow_is_counted_apart(store_url: str) -> None:
    rows = predicted(version_of(sha256="1" * 64))
    shadow = predicted(version_of(sha256="2" * 64), id=rows.id, values=rows.values, kind="shadow")
    store = stored(store_url, rows, shadow)
    with closing(store.open(read_only=False)) as database:
        truth = Truth(rows.id, 0, "no")
        record_truth(database, truth, at=now_microseconds(), retention=store.retention)
        counts = all_counts(database)
    kinds = [kind for kind, _, _ in counts if "truth" in kind]
    assert sorted(kinds) == ["shadow truth", "truth"]


def test_unknown_expired_and_invalid_truths_do_not_end_others(store_url: str) -> None:
    now = time.time_ns() // 1000
    old = first_id_of((now - 366 * DAY) // 1000)
    rows = predicted(version_of(), 2)
    store = stored(store_url, rows, predicted(version_of(), id=old, at=now - 366 * DAY))
    truths = [
        Truth(rows.id, 0, "no"),
        Truth(rows.id, 2, "no"),
        Truth(uuid7(), 0, "no"),
        Truth(old, 0, "no"),
        Truth(rows.id, 1, "secret"),
        Truth(rows.id, 1, True),
    ]
    with closing(store.open(read_only=False)) as database:
        found = record_truths(database, truths, at=now, retention=store.retention)
        assert count_rows(database, "feedback") == 2
    kinds = [type(each) for each in found if isinstance(each, StoreError)]
    assert kinds == [UnknownPrediction, UnknownPrediction, ExpiredPrediction, InvalidTruth]
    assert not isinstance(found[0], StoreError)
    assert (found[0].outcome, found[0].truth) == ("recorded", '"no"')


def test_truths_of_several_processes_at_once_are_counted_once(store_url: str) -> None:
    rows = predicted(version_of(), 10)
    store = stored(store_url, rows)
    errors: list[Exception] = []

    def send(value: str) -> None:
        try:
            with closing(store.open(read_only=False)) as database:
                truths = [Truth(rows.id, number, value) for number in range(10)]
                record_truths(database, truths, at=now_microseconds(), retention=store.retention)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(each,)) for each in ("no", "yes, surely") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with closing(store.open()) as database:
        counts = all_counts(database)
        assert sum(n for (kind, _, _), n in counts.items() if kind == "truth") == 10
        assert sum(n for (kind, _, _), n in counts.items() if kind == "confusion") == 10


def test_counts_that_are_no_longer_kept_are_not_moved(store_url: str) -> None:
    now = now_microseconds()
    id_ = first_id_of((now - 10 * DAY) // 1000)
    store = stored(store_url, predicted(version_of(), id=id_, at=now - 10 * DAY))
    with closing(store.open(read_only=False)) as database:
        before = all_counts(database)
        for value in ("no", True):
            retention = Retention(5, 365, 30)
            record_truth(database, Truth(id_, 0, value), at=now, retention=retention)
        assert all_counts(database) == before
        assert count_rows(database, "feedback") == 2

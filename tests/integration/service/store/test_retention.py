"""What is older than its retention is deleted in small steps."""

import time
from contextlib import closing

import pytest
from support.eventually import until
from support.stored_rows import count_rows, predicted, store_at, version_of

from service.store.databases.database import Database
from service.store.feedback import Truth, record_truth
from service.store.identifiers import first_id_of
from service.store.records import PredictedRows
from service.store.retention import MAX_DELETED, Retention, Sweep

DAY = 86_400_000
VERSION = version_of()


def rows_of_day(days: int, rows: int = 1) -> PredictedRows:
    """Return rows that are so many days old."""
    milliseconds = time.time_ns() // 1_000_000 - days * DAY
    return predicted(VERSION, rows, id=first_id_of(milliseconds), at=milliseconds * 1000)


def sweep(database: Database, retention: Retention) -> int:
    """Run all steps, and return their number."""
    found = Sweep(retention, time.time())
    steps = 1
    while found.step(database):
        steps += 1
    return steps


def test_each_table_has_its_retention(store_url: str) -> None:
    store = store_at(store_url, store_predictions_days=1000)
    store.start()
    rows = [rows_of_day(days) for days in (0, 29, 33, 364, 366, 728, 732)]
    for each in rows:
        store.put(each)
    assert store.stop(30) == 0
    with closing(store.open(read_only=False)) as database:
        for each in rows:
            truth = Truth(each.id, 0, "no")
            record_truth(database, truth, at=rows[0].at, retention=store.retention)

        def left() -> tuple[int, ...]:
            tables = ("inputs", "feedback", "predictions")
            sql = "SELECT hours, count(DISTINCT hour) FROM counts GROUP BY hours ORDER BY hours"
            by_hour, by_day = database.execute(sql)
            return (*(count_rows(database, each) for each in tables), by_hour[1], by_day[1])

        assert left() == (7, 7, 7, 7, 7)
        sweep(database, Retention(730, 365, 30))
        assert left() == (2, 4, 4, 2, 6)
        sweep(database, Retention(730, 30, 365))  # inputs go with their predictions
        assert left() == (2, 2, 2, 2, 6)


def test_steps_are_small(store_url: str) -> None:
    store = store_at(store_url, "predictions")
    store.start()
    store.put(rows_of_day(400, 3500))
    store.put(rows_of_day(0))
    assert store.stop(30) == 0
    with closing(store.open(read_only=False)) as database:
        assert sweep(database, store.retention) >= 3500 // MAX_DELETED
        assert count_rows(database, "predictions") == 1


class SlowDatabase:
    """Deletes whole steps, each in 60 ms of a clock that does not run otherwise."""

    def __init__(self) -> None:
        self.seconds, self.sizes = 0.0, [0]

    def execute(self, sql: str, params: dict[str, int]) -> list[int]:
        assert sql.startswith("DELETE")
        self.sizes.append(params["size"])
        self.seconds += 0.06 if len(self.sizes) < 5 else 0.01
        return [1] * params["size"]


def test_a_slow_step_makes_the_next_one_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    database = SlowDatabase()
    monkeypatch.setattr("service.store.retention.monotonic", lambda: database.seconds)
    found = Sweep(Retention(1, 1, 1), 1e9)
    for _ in range(6):
        assert found.step(database)  # type: ignore[arg-type]  # a part of a database
    assert database.sizes[1:] == [1000, 500, 250, 125, 250, 500]


def test_the_writer_sweeps(store_url: str) -> None:
    store = store_at(store_url)
    for _ in range(2):
        rows = rows_of_day(400)
        rows.id = first_id_of(time.time_ns() // 1_000_000 - 400 * DAY + _)
        store.put(rows)
    store.put(rows_of_day(31))
    store._writer._next_sweep = 0.0
    store.start()
    assert store.flush(30)

    def remain() -> tuple[int, int]:
        with closing(store.open()) as database:
            return count_rows(database, "predictions"), count_rows(database, "inputs")

    until(lambda: remain() == (1, 0))
    assert store.stop(30) == 0

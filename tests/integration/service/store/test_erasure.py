"""Erasure: no file of the database has an erased value."""

import random
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from support.stored_rows import count_rows, predicted, store_at, version_of

from service.store.databases.database import StoreUnavailable
from service.store.erasure import Erased, erase_prediction, erase_subject
from service.store.feedback import Truth, UnknownPrediction, record_truth
from service.store.identifiers import uuid7
from service.store.store import now_microseconds

VERSION = version_of()
KEY = "a key of sixteen or more"


def test_planted_values_are_in_no_file_after_their_erasure(tmp_path: Path) -> None:
    store = store_at(f"sqlite:///{tmp_path / 'store.db'}", store_subject_key=KEY)
    store.start()
    generator = random.Random(1)
    rows = []
    for number in range(3000):  # ids and subjects in any order move rows between pages
        values = np.array([[generator.random() * 10, 1, 1, 3]])
        subject = store.subject(f"patient {number % 1500}")
        id_ = uuid7()[:6] + generator.randbytes(10)
        rows.append(predicted(VERSION, values=values, subject=subject, id=id_))
        store.put(rows[-1])
        if number % 100 == 0:
            assert store.flush(30)
    assert store.stop(30) == 0

    def files() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    def planted(number: int) -> list[bytes]:
        row = rows[number]
        assert row.subject is not None
        return [str(row.values[0, 0]).encode(), row.id, row.subject]

    before = files()
    assert all(each in before for number in range(50) for each in planted(number)[:2])
    with closing(store.open(read_only=False)) as database:
        now = now_microseconds()
        record_truth(database, Truth(rows[7].id, 0, "no"), at=now, retention=store.retention)
        subject = rows[7].subject
        assert subject is not None
        assert erase_subject(database, subject, at=now) == Erased(2, 2, 1)
        assert erase_subject(database, subject, at=now) == Erased(0, 0, 0)
        for number in range(20, 30):
            assert erase_prediction(database, rows[number].id, None, at=now) == Erased(1, 1, 0)
        assert count_rows(database, "predictions") == 2988
        after = files()
        for number in (7, 1507, *range(20, 30)):
            assert planted(number)[0] not in after
        database.execute("DELETE FROM erasures")  # as after a day
        database.remove_remains()
        after = files()
        for number in (7, 1507):
            assert [each for each in planted(number) if each in after] == []
        for number in range(20, 30):
            assert [each for each in planted(number)[:2] if each in after] == []
        assert planted(8)[0] in after
        with pytest.raises(UnknownPrediction):
            record_truth(database, Truth(rows[7].id, 0, "no"), at=now, retention=store.retention)


def test_one_row_of_an_answer_is_erased(store_url: str) -> None:
    store = store_at(store_url)
    store.start()
    rows = predicted(VERSION, 3)
    store.put(rows)
    shadow = version_of(sha256="1" * 64)
    store.put(predicted(shadow, id=rows.id, kind="shadow", values=rows.values))
    assert store.stop(30) == 0
    with closing(store.open(read_only=False)) as database:
        assert erase_prediction(database, rows.id, 1, at=now_microseconds()) == Erased(2, 1, 0)
        found = database.execute("SELECT row FROM inputs ORDER BY row")
        assert found == [(0,), (2,)]


def test_rows_that_wait_in_a_queue_are_erased_too(store_url: str) -> None:
    store = store_at(store_url, store_subject_key=KEY)
    subject = store.subject("Ana")
    assert subject is not None
    of_subject = predicted(VERSION, 2, subject=subject)
    answer, one, other = predicted(VERSION, 2), predicted(VERSION, 2), predicted(VERSION, 2)
    for each in (of_subject, answer, one, other):
        store.put(each)
    now = now_microseconds()
    with closing(store.open(read_only=False)) as database:
        erase_subject(database, subject, at=now)
        erase_prediction(database, answer.id, None, at=now)
        erase_prediction(database, one.id, 1, at=now)
        store.put(predicted(VERSION, subject=subject, at=now + 1))  # a later answer of the subject
        store.start()
        assert store.stop(30) == 0
        for table in ("predictions", "inputs"):
            found = database.execute(f"SELECT id, row FROM {table}")
            kept = {(bytes(id_), row) for id_, row in found}
            assert len(kept) == 4
            assert {(one.id, 0), (other.id, 0), (other.id, 1)} < kept


def test_a_reader_that_stays_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.store.databases.sqlite.ERASE_SECONDS", 0.0)
    store = store_at(f"sqlite:///{tmp_path / 'store.db'}")
    store.start()
    rows = predicted(VERSION)
    store.put(rows)
    assert store.stop(30) == 0
    with closing(store.open(read_only=False)) as database, closing(store.open()) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM predictions")
        with pytest.raises(StoreUnavailable, match="repeat the erasure"):
            erase_prediction(database, rows.id, None, at=now_microseconds())
        reader.execute("COMMIT")
        assert erase_prediction(database, rows.id, None, at=now_microseconds()) == Erased(0, 0, 0)

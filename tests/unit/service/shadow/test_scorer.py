"""Tests of service.shadow.scorer: predictions, drops, priority and failures."""

import threading
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from support.background_failures import failures
from support.random_model import random_model
from support.stored_rows import predicted, random_values, version_of

from service.shadow import scorer as module
from service.shadow.ring import RING_ROWS, ShadowRing
from service.shadow.scorer import ShadowScorer, shadow_rows
from service.store.groups import Record
from service.store.records import PredictedRows, StoredVersion

ANSWERED = version_of()


def answered(rows: int = 1, *, shadow: StoredVersion, **fields: object) -> PredictedRows:
    """Return rows of a version with a shadow version."""
    return predicted(replace(ANSWERED, shadow=shadow), rows, **fields)


def other(**changes: object) -> StoredVersion:
    """Return a version with other weights."""
    predictor = version_of(sha256="1" * 64).predictor
    theta = predictor.theta + 0.5
    return StoredVersion(replace(predictor, theta=theta, **changes))  # type: ignore[arg-type]  # any field


class Counts:
    def __init__(self) -> None:
        self.scored = 0
        self.dropped: Counter[str] = Counter()

    def shadow_scored(self, rows: int) -> None:
        self.scored += rows

    def shadow_dropped(self, reason: str, rows: int) -> None:
        self.dropped[reason] += rows


class Stored:
    """Takes what is put, up to a number of records."""

    def __init__(self, room: int = 10**6) -> None:
        self.records: list[PredictedRows] = []
        self._room = room

    def __call__(self, rows: Record) -> bool:
        if len(self.records) == self._room:
            return False
        assert isinstance(rows, PredictedRows)
        self.records.append(rows)
        return True


def test_rows_are_predicted_with_the_names_of_the_answer() -> None:
    shadow, counts, stored = other(), Counts(), Stored()
    scorer = ShadowScorer({"kinds": shadow}, stored, counts)
    assert scorer.version_for(ANSWERED.predictor) is shadow
    offered = [
        answered(shadow=shadow, values=random_values(rows, seed), first_row=seed, threshold=0.7)
        for seed, rows in enumerate((1, 1, 100, 3))
    ]
    scorer.offer([*offered, predicted(ANSWERED), predicted(shadow, kind="shadow")])
    scorer.start()
    scorer.stop(30)
    assert (counts.scored, counts.dropped) == (105, {})
    assert {each.kind for each in stored.records} == {"shadow"}
    assert {each.threshold for each in stored.records} == {0.7}
    assert {each.version for each in stored.records} == {shadow}
    for rows in offered:
        found = [each for each in stored.records if each.id == rows.id]
        assert found[0].first_row == rows.first_row
        assert {(each.at, each.key_id, each.subject) for each in found} == {(rows.at, None, None)}
        predictions = np.concatenate([each.predictions for each in found])
        assert (predictions == shadow.predictor.predict(rows.values)).all()


def test_no_version_without_another_version(caplog: pytest.LogCaptureFixture) -> None:
    scorer = ShadowScorer({"kinds": other()}, Stored(), Counts())
    assert scorer.version_for(replace(ANSWERED.predictor, name="another")) is None
    assert scorer.version_for(other().predictor) is None
    assert caplog.records == []
    assert scorer.version_for(replace(random_model("regression"), version="2" * 64)) is None
    [record] = caplog.records
    assert record.message == "shadow_not_comparable"


def test_a_full_ring_drops_rows() -> None:
    counts = Counts()
    shadow = other()
    ShadowScorer({"kinds": shadow}, Stored(), counts).offer([answered(1000, shadow=shadow)] * 6)
    assert counts.dropped == {"full": 6000 - RING_ROWS}


def test_a_busy_service_drops_rows() -> None:
    counts = Counts()
    shadow = other()
    scorer = ShadowScorer({"kinds": shadow}, Stored(), counts, lambda: True)
    scorer.offer([answered(3, shadow=shadow)])
    assert counts.dropped == {"busy": 3}


def test_rejected_rows_and_a_full_store() -> None:
    shadow = other()
    features = list(shadow.predictor.schema.features)
    features[3] = features[3].model_copy(update={"maximum": 5.0})
    schema = shadow.predictor.schema.model_copy(update={"features": tuple(features)})
    counts, stored = Counts(), Stored(2)
    shadow = other(schema=schema)
    scorer = ShadowScorer({"kinds": shadow}, stored, counts)
    values = random_values(7)
    values[:, 3] = [1, 9, 2, 3, 9, 4, 5]  # valid: 0, 2 and 3, 5 and 6
    scorer.offer([answered(shadow=shadow, values=values, first_row=10)])
    scorer.start()
    scorer.stop(30)
    assert counts.dropped == {"rejected": 2, "store": 2}
    assert counts.scored == 3
    assert [(each.first_row, len(each.predictions)) for each in stored.records] == [
        (10, 1),
        (12, 2),
    ]


def test_no_valid_row() -> None:
    rows = answered(3, shadow=other())
    assert list(shadow_rows(rows, np.zeros((3, 1)), np.zeros(3, dtype=bool))) == []


def test_the_thread_survives_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, counts = Stored(), Counts()
    shadow = other()
    scorer = ShadowScorer({"kinds": shadow}, stored, counts)
    real, failed = ShadowRing.take, threading.Event()

    def take(ring: ShadowRing) -> object:
        if failed.is_set():
            return real(ring)
        real(ring)
        failed.set()
        raise MemoryError

    monkeypatch.setattr(ShadowRing, "take", take)
    monkeypatch.setattr(module, "COLLECT_SECONDS", 0.001)
    before = failures("shadow")
    scorer.start()
    scorer.offer([answered(shadow=shadow)])
    assert failed.wait(30)
    scorer.offer([answered(2, shadow=shadow)])
    scorer.stop(30)
    assert failures("shadow") == before + 1
    assert counts.scored == 2


def test_stopping_before_the_start() -> None:
    ShadowScorer({}, Stored(), Counts()).stop(1)

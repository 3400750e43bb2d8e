"""Live figures over both databases, against figures of the rows themselves."""

from contextlib import closing
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from support.openapi_contract import Contract
from support.stored_rows import predicted, random_values, store_at

from model.arrays import Array
from model.drift.detection import drift_of
from model.drift.reference import FACT, DriftReference
from model.metrics.confusion_matrix import ConfusionMatrix
from model.metrics.expected_matrix import expected_class_figures, expected_class_sums
from model.metrics.threshold_metrics import regression_metrics
from model.prediction.predictor import Predictor
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression
from service.app import create_app
from service.live.buckets import read_totals
from service.live.query import LiveQuery
from service.settings import Settings
from service.store.counting import HOUR_MICROSECONDS, ModelBins
from service.store.feedback import Truth, record_truths
from service.store.identifiers import uuid7
from service.store.records import PredictedRows, StoredVersion
from service.store.store import Store, now_microseconds

pytestmark = pytest.mark.anyio

ROWS = 240
Json = dict[str, Any]


@pytest.fixture
def model(kinds: Predictor) -> Predictor:
    """A model of each task, with reference counts."""
    reference = DriftReference.fit(kinds, random_values(400, seed=1))
    facts = {**kinds.facts, FACT: reference.to_json()}
    return replace(kinds, facts=facts, version="1" * 64)


def stored(model: Predictor) -> StoredVersion:
    """Return the version as the store counts it."""
    reference = DriftReference.from_json(model.schema, model.has_probabilities, model.facts[FACT])
    outputs = () if model.has_probabilities else reference.outputs
    return StoredVersion(model, ModelBins(reference.features, outputs))


def truths_of(model: Predictor, predictions: Array) -> tuple[list[Any], Array]:
    """Draw the truth of rows: as feedback has it, and as columns of the target."""
    generator, target = np.random.default_rng(3), model.schema.target
    columns: Array
    if isinstance(target, MultiClass):
        columns = generator.integers(0, len(target.classes), (len(predictions), 1))
        return [target.classes[number] for (number,) in columns.tolist()], columns
    if isinstance(target, Regression):
        columns = generator.normal(3, 1, predictions.shape)
        return [dict(zip(target.outputs, row, strict=True)) for row in columns.tolist()], columns
    columns = generator.random(predictions.shape) < 0.4
    if isinstance(target, Binary):
        return [bool(row[0]) for row in columns], columns
    assert isinstance(target, MultiLabel)
    labels = np.array(target.labels)
    return [labels[row].tolist() for row in columns], columns


def fill(store: Store, version: StoredVersion) -> PredictedRows:
    """Store rows of three hours within three days, and return them as one."""
    now = now_microseconds()
    values = random_values(ROWS, seed=2)
    parts = [
        predicted(version, values=values[part::3], at=now - hours * HOUR_MICROSECONDS, id=uuid7())
        for part, hours in enumerate((0, 20, 50))
    ]
    store.start()
    for each in parts:
        store.put(each)
    assert store.flush(30)
    truths: list[Truth] = []
    for each in parts:
        texts, _ = truths_of(version.predictor, each.predictions)
        truths += [Truth(each.id, row, text) for row, text in enumerate(texts)]
    with closing(store.open(read_only=False)) as database:
        record_truths(database, truths, at=now, retention=store.retention)
    return replace_rows(parts)


def replace_rows(parts: list[PredictedRows]) -> PredictedRows:
    first = parts[0]
    values = np.concatenate([each.values for each in parts])
    predictions = np.concatenate([each.predictions for each in parts])
    return PredictedRows(first.id, first.at, first.version, first.threshold, values, predictions)


def connect(url: str, model: Predictor) -> httpx.AsyncClient:
    app = create_app(Settings(store=url, store_keeps="predictions"), model)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


async def test_figures_are_those_of_the_rows(model: Predictor, store_url: str) -> None:
    store = store_at(store_url, "predictions")
    rows = fill(store, stored(model))
    target = model.schema.target
    true = np.concatenate(
        [truths_of(model, rows.predictions[part : part + ROWS // 3])[1] for part in (0, 80, 160)]
    )
    async with connect(store_url, model) as client:
        answer = await client.get("/models/kinds/live")
        contract = Contract((await client.get("/openapi.json")).json())
        weighted = await client.get("/models/kinds/live?by=hour&weighting=coverage")
    for each in (answer, weighted):
        assert each.status_code == 200, each.text
        contract.check(each)
    found = answer.json()
    assert (found["rows"], found["by"]) == (ROWS, "day")
    assert sum(period["rows"] for period in found["periods"]) == ROWS
    assert found["versions"] == [{"version": model.version, "rows": ROWS}]
    assert found["store"]["keeps"] == "predictions"
    reference = DriftReference.from_json(model.schema, model.has_probabilities, model.facts[FACT])
    drift = drift_of(reference, reference.count(rows.values), np.random.default_rng(0))
    assert [each["name"] for each in found["features"]] == list(model.schema.names)
    assert [each["psi"] for each in found["features"]] == pytest.approx(
        [each.psi for each in drift]
    )
    assert [each["rows"] for each in found["predictions"]] == [ROWS] * len(target.names)
    missing = sum(each["missing"] * each["rows"] for each in found["periods"] if each["rows"])
    assert missing * len(model.schema.names) == pytest.approx(np.isnan(rows.values).sum())
    truth = found["truth"]
    assert (truth["rows"], truth["coverage"], truth["not_known"]) == (ROWS, 1.0, {})
    check_truth(model, rows.predictions, true, truth)
    if not isinstance(target, Regression):
        labels = target.tally(rows.predictions, rows.threshold)
        assert found["labels"] == labels
        assert sum(month["rows"] for month in truth["calibration"]) == ROWS
    assert (found["expected"] is None) == isinstance(target, Regression)
    if isinstance(target, MultiClass):
        sums = expected_class_sums(rows.predictions)
        assert found["expected"] == expected_class_figures(target.classes, sums)
    store.stop(10)


def check_truth(model: Predictor, predictions: Array, true: Array, truth: Json) -> None:
    """Compare the field `truth` with the rows."""
    target = model.schema.target
    if isinstance(target, Binary):
        matrix = ConfusionMatrix.at(0.5, true[:, 0], predictions[:, 0])
        assert truth["confusion_matrix"] == vars(matrix)
        assert truth["sensitivity"]["value"] == matrix.summary()["sensitivity"]
        assert truth["sensitivity"]["interval"] == list(
            matrix.summary()["intervals"]["sensitivity"]
        )
    elif isinstance(target, MultiLabel):
        for number, name in enumerate(target.labels):
            matrix = ConfusionMatrix.at(0.5, true[:, number], predictions[:, number])
            assert truth["labels"][name]["confusion_matrix"] == vars(matrix)
    elif isinstance(target, MultiClass):
        counts = np.zeros((3, 3), int)
        np.add.at(counts, (true[:, 0], predictions.argmax(axis=1)), 1)
        assert truth["confusion_matrix"] == counts.tolist()
        assert truth["accuracy"]["value"] == pytest.approx(counts.trace() / ROWS)
    else:
        for number, name in enumerate(target.outputs):
            errors = regression_metrics(true[:, number], predictions[:, number])
            assert truth["outputs"][name] == pytest.approx(errors)


@pytest.mark.parametrize("by", ["hour", "day", "week"])
def test_sums_of_days_are_those_of_hours(by: str, store_url: str) -> None:
    from support.random_model import random_model

    model = replace(random_model("binary"), version="2" * 64)
    reference = DriftReference.fit(model, random_values(100))
    model = replace(model, facts={FACT: reference.to_json()})
    store = store_at(store_url, "counts")
    store.start()
    hours = np.random.default_rng(0).integers(500_000, 500_200, 60).tolist()
    for hour in hours:
        store.put(predicted(stored(model), 3, at=hour * HOUR_MICROSECONDS, id=uuid7()))
    assert store.stop(30) == 0
    with closing(store.open()) as database:
        for start, stop in ((500_000, 500_200), (500_005, 500_007), (500_017, 500_150)):
            query = LiveQuery(start, stop, by, 0.5, "none")  # type: ignore[arg-type]  # a name
            totals = read_totals(database, "kinds", query)
            expected = 3 * sum(start <= hour < stop for hour in hours)
            assert totals.rows.total() == expected
            assert totals.bins("prediction", "yes, surely", 1000).sum() == expected
            assert totals.bins("feature", "score", 20).sum() == expected
            for period, counts in totals.periods.items():
                inside = [hour for hour in hours if query.start <= hour < query.stop]
                of_period = sum(query.period_of(hour) == period for hour in inside)
                assert counts["rows", ""] == 3 * of_period
        assert read_totals(database, "none", query).rows.total() == 0

"""Tests of service.live.gauges: what /metrics shows, and that a scrape reads nothing."""

import asyncio
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.eventually import loop_until

from model.prediction.predictor import Predictor
from service.app import create_app
from service.live.example import example_totals
from service.live.gauges import LiveGauges
from service.live.query import LiveQuery
from service.live.reader import LiveReader
from service.live.totals import Totals
from service.registry.model_version import ModelVersion
from service.registry.registry import Model, ModelRegistry
from service.settings import Settings
from service.store.databases.database import StoreUnavailable
from service.store.store import Store

pytestmark = pytest.mark.anyio

NAMES = {
    "malignancy_drift_psi",
    "malignancy_drift_p",
    "malignancy_live_rows",
    "malignancy_truth_rows",
    "malignancy_live_sensitivity_low",
}


async def scrape(client: httpx.AsyncClient, accept: str = "text/plain") -> dict[str, list[float]]:
    text = (await client.get("/metrics", headers={"Accept": accept})).text
    return {
        family.name: [sample.value for sample in family.samples]
        for family in text_string_to_metric_families(text)
        if family.name in NAMES
    }


@pytest.mark.usefixtures("fresh_snapshots")
async def test_gauges_are_refreshed_in_the_background(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = ModelVersion(predictor, Settings())
    reads = 0

    def totals(_: LiveReader, name: str, query: LiveQuery) -> Totals:
        nonlocal reads
        reads += 1
        assert name == "article"
        return example_totals(version, query)

    monkeypatch.setattr(LiveReader, "totals", totals)
    app = create_app(Settings(store=f"sqlite:///{tmp_path / 'store.db'}"), predictor)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert await scrape(client) == {}
        async with app.router.lifespan_context(app):
            await loop_until(lambda: reads)
            while not (found := await scrape(client)):
                await asyncio.sleep(0.005)
            assert set(found) == NAMES
            rows = len(predictor.validation.predictions)
            assert found["malignancy_live_rows"] == found["malignancy_truth_rows"] == [rows]
            assert len(found["malignancy_drift_psi"]) == len(predictor.schema.features)
            assert min(found["malignancy_drift_p"]) > 0.05
            assert 0.5 < found["malignancy_live_sensitivity_low"][0] < 1
            assert await scrape(client, "application/openmetrics-text") == found
            assert reads == 1


def test_gauges_of_a_store_that_fails_are_left_out(
    tmp_path: Path,
    predictor: Predictor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    models = ModelRegistry([Model(ModelVersion(predictor, Settings()))])
    store = Store(Settings(store=f"sqlite:///{tmp_path / 'store.db'}"))
    gauges = LiveGauges(LiveReader(store, models), models)
    gauges.refresh()
    assert {f"malignancy_{name}" for name in ("live_rows", "truth_rows")} <= {
        family.name for family in gauges.collect()
    }

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("SQLite: locked")

    monkeypatch.setattr(store, "open", fail)
    gauges.refresh()
    assert list(gauges.collect()) == []
    (record,) = caplog.records
    assert (record.message, record.levelname) == ("live_gauges_left_out", "WARNING")
    assert vars(record)["reason"] == "SQLite: locked"
    assert record.exc_info is None

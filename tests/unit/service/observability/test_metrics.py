"""Tests of service.observability.metrics and prometheus: what a Prometheus server scrapes."""

import asyncio
import dataclasses
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from starlette.types import Message

from model.artifacts import artifact
from model.prediction.predictor import Predictor
from service.app import create_app
from service.observability.metrics import ModelStatistics, Telemetry
from service.registry.model_version import ModelVersion
from service.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fresh_snapshots")]

ROWS = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]]}
Labels = frozenset[tuple[str, str]]


def labels(**values: str) -> Labels:
    return frozenset(values.items())


async def scrape(client: httpx.AsyncClient) -> dict[str, dict[Labels, float]]:
    """Return every sample by name and labels."""
    answer = await client.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"})
    assert answer.status_code == 200
    found: dict[str, dict[Labels, float]] = {}
    for family in parse_text(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


@pytest.fixture
def app(predictor: Predictor) -> FastAPI:
    """A new app for each test, since its counters start at 0."""
    return create_app(Settings(), predictor)


async def test_requests_are_counted_and_timed_by_template(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post("/predict", json=ROWS)).status_code == 200
    await client.post("/models/article/predict", json=ROWS)
    await client.post("/predict", content=b"{")
    await client.get("/predict")
    await client.head("/model")
    await client.get("/openapi.json")
    await client.get("/models/article/card")
    found = await scrape(client)
    requests = found["malignancy_requests_total"]
    assert requests == {
        labels(route="/predict", status="200"): 2,
        labels(route="/models/{name}/predict", status="200"): 1,
        labels(route="/predict", status="400"): 1,
        labels(route="/predict", status="405"): 1,
        labels(route="/model", status="200"): 1,
        labels(route="/openapi.json", status="200"): 1,
        labels(route="/models/{name}/card", status="200"): 1,
    }
    assert found["malignancy_refused_requests_total"] == {
        labels(route="/predict", reason="malformed"): 1,
        labels(route="/predict", reason="method_not_allowed"): 1,
    }
    timed = found["malignancy_request_duration_seconds_count"]
    assert timed[labels(route="/predict")] == 4
    assert (
        found["malignancy_request_duration_seconds_bucket"][labels(route="/predict", le="+Inf")]
        == 4
    )
    assert found["malignancy_request_duration_seconds_sum"][labels(route="/predict")] > 0
    assert found["malignancy_requests_in_flight"] == {frozenset(): 1}  # the scrape


async def test_unknown_paths_share_one_series(client: httpx.AsyncClient) -> None:
    await client.get("/nothing")
    before = await scrape(client)
    for number in range(50):
        await client.get(f"/wp-admin/{number}")
        await client.request("BREW", f"/{number}")
        await client.get(f"/models/{number}")
    after = await scrape(client)
    requests = after["malignancy_requests_total"]
    assert requests[labels(route="unmatched", status="404")] == 101
    new = set(requests) - set(before["malignancy_requests_total"])
    assert new == {
        labels(route="/metrics", status="200"),
        labels(route="/models/{name}", status="404"),
    }


async def test_predictions_are_counted_by_label(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    await client.post("/predict", json=ROWS)
    await client.post("/predict?threshold=1", json=ROWS)
    counts = (await scrape(client))["malignancy_predictions_total"]
    assert counts == {
        labels(model=predictor.title, label="benign"): 3,
        labels(model=predictor.title, label="malignant"): 1,
    }


async def test_rows_of_a_rejected_stream_are_not_counted(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    row = "5,1,1,1,2,1,3,1,1\n"
    table = ",".join(predictor.schema.names) + "\n" + row * 20_000
    as_csv = {"Content-Type": "text/csv"}
    refused = await client.post("/predict", content=f"{table}x{row}", headers=as_csv)
    assert refused.json()["errors"][0]["field"].startswith("rows.20000")
    assert "malignancy_predictions_total" not in await scrape(client)
    marked = "/predict?on_error=mark"
    assert (await client.post(marked, content=f"{table}x{row}", headers=as_csv)).status_code == 200
    counts = (await scrape(client))["malignancy_predictions_total"]
    assert counts == {labels(model=predictor.title, label="benign"): 20_000}


async def test_validation_metrics_equal_those_of_the_json_format(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    metrics = (await client.get("/metrics")).json()
    found = await scrape(client)
    title = labels(model=predictor.title)
    for name in ("accuracy", "sensitivity", "specificity", "f1"):
        assert found[f"malignancy_validation_{name}"] == {title: metrics["validation"][name]}
    for name in ("roc_auc", "log_loss", "brier"):
        assert found[f"malignancy_validation_{name}"] == {title: metrics["scores"][name]}
    assert found["malignancy_model_threshold"] == {title: 0.5}
    info = labels(model=predictor.title, name="article", version=predictor.version)
    assert found["malignancy_model_info"] == {info: 1}
    assert found["process_resident_memory_bytes"][frozenset()] > 0


async def test_scores_that_are_not_numbers_have_no_series(predictor: Predictor) -> None:
    odd = dataclasses.replace(predictor, facts={"scores": {"brier": None, "roc_auc": "high"}})
    served = ModelVersion(odd, Settings())
    assert {figure.name for figure in served.validation_metrics}.isdisjoint({"brier", "roc_auc"})
    assert ModelVersion(
        dataclasses.replace(odd, facts={"scores": 1}), Settings()
    ).validation_metrics


async def test_openmetrics(client: httpx.AsyncClient) -> None:
    await client.post("/predict", json=ROWS)
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.headers["vary"] == "Accept, User-Agent, Accept-Encoding"
    families = {family.name: family for family in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    assert families["malignancy_predictions"].type == "counter"
    assert families["malignancy_request_duration_seconds"].type == "histogram"
    assert all(family.documentation for family in families.values())


async def test_json_is_the_default_and_varies_by_accept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept, User-Agent, Accept-Encoding"


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/openmetrics-text"])
async def test_names_select_metrics(client: httpx.AsyncClient, accept: str) -> None:
    await client.get("/model")
    names = ["malignancy_requests_in_flight", "malignancy_requests_total", "other"]
    answer = await client.get("/metrics", params={"name[]": names}, headers={"Accept": accept})
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert {re.split("[{ ]", line)[0] for line in lines} == set(names) - {"other"}
    one = {"name[]": "malignancy_request_duration_seconds_count"}
    counts = (await client.get("/metrics", params=one)).text
    assert "malignancy_request_duration_seconds_count{" in counts
    assert "_bucket" not in counts


async def test_a_scrape_with_a_query_is_rejected(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics?threshold=0.7", headers={"Accept": "text/plain"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query"


async def test_a_replaced_version_has_no_series(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    artifact.save(predictor, path)
    app = create_app(Settings(artifact=path))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        first = (await client.post("/predict", json=ROWS)).json()["model"]
        artifact.save(dataclasses.replace(predictor, facts={"description": "new"}), path)
        async with asyncio.timeout(20):
            while (await client.get("/health")).json()["model"] == first:
                await asyncio.sleep(0.05)
        second = (await client.post("/predict", json=ROWS)).json()["model"]
        assert second != first
        found = await scrape(client)
        path.write_bytes(b"broken")
        async with asyncio.timeout(20):
            while "failures" not in (await client.get("/health")).json():
                await asyncio.sleep(0.05)
        reloads = (await scrape(client))["malignancy_model_reloads_total"]
    titles = {dict(key)["model"] for key in found["malignancy_predictions_total"]}
    assert titles == {dict(key)["model"] for key in found["malignancy_model_info"]} == {second}
    assert first not in str(found)
    assert reloads == {
        labels(model="article", result="ok"): 1,
        labels(model="article", result="failed"): 1,
    }


async def test_a_client_that_disconnects_is_counted(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)
    found = await scrape(client)
    assert found["malignancy_requests_total"] == {labels(route="/predict", status="499"): 1}
    assert found["malignancy_requests_in_flight"] == {frozenset(): 1}


def test_each_app_has_separate_counters(predictor: Predictor) -> None:
    first, second = Telemetry(), Telemetry()
    first.label_counter(predictor)({"benign": 1, "malignant": 1})
    name = "malignancy_predictions_total"
    series = {"model": predictor.title, "label": "benign"}
    assert first.registry.get_sample_value(name, series) == 1
    assert second.registry.get_sample_value(name, series) is None


def test_statistics_of_models_without_those_that_are_replaced() -> None:
    telemetry = Telemetry()
    for status, seconds, model in ((200, 0.5, "a@1"), (200, 0.25, "a@1"), (200, 1.0, "b@1")):
        telemetry.started()
        telemetry.finished("/predict", status, seconds, model)
    telemetry.started()
    telemetry.finished("/predict", 422, 9.0)
    assert telemetry.statistics() == {
        "a@1": ModelStatistics(requests=2, seconds=0.75),
        "b@1": ModelStatistics(requests=1, seconds=1.0),
    }
    telemetry.remove_other_titles({"b@1"})
    telemetry.started()
    telemetry.finished("/predict", 200, 2.0, "a@1")
    assert telemetry.statistics()["a@1"] == ModelStatistics(requests=1, seconds=2.0)
    assert telemetry.statistics()["b@1"] == ModelStatistics(requests=1, seconds=1.0)

"""Tests of service.app: lifespan, disconnecting clients, the watch of models, missing extras."""

from importlib.metadata import PackageNotFoundError
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

import service.app
from model.prediction.predictor import Predictor
from service.app import create_app
from service.inference import tables
from service.observability.tracing import create_tracer_provider
from service.problems import FieldError, Problem
from service.registry.model_version import ModelVersion
from service.registry.registry import Model
from service.settings import Settings

pytestmark = pytest.mark.anyio

ROW = [5, 1, 1, 1, 2, 1, 3, 1, 1]


class Provider:
    """Records the calls to a tracer provider."""

    def __init__(self) -> None:
        self.processors: list[Any] = []
        self.is_shut_down = False

    def add_span_processor(self, processor: object) -> None:
        self.processors.append(processor)

    def shutdown(self) -> None:
        self.is_shut_down = True


async def test_tracing_is_shut_down_with_the_app(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider()
    with monkeypatch.context() as before:
        before.setattr(service.app, "telemetry_config", lambda _: {})
        app = create_app(Settings(), predictor, tracer_provider=provider)
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Message:
        assert not provider.is_shut_down
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan", "state": {}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert provider.is_shut_down


def test_spans_go_to_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "the extra tracing is not installed"
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter", reason=reason)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    provider = create_tracer_provider()
    assert provider is not None
    assert provider.resource.attributes["service.name"] == "malignancy"
    provider.shutdown()


def test_version_of_a_source_tree_that_is_not_installed(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(service.app, "version", version)
    assert create_app(Settings(), predictor).version == "0"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/predict", b"application/json"),
        ("/predict", b"text/csv"),
        ("/predict", b"application/x-ndjson"),
        ("/invocations", b"application/json"),
        ("/invocations", b"text/csv"),
        ("/v2/models/article/infer", b"application/json"),
        ("/v2/repository/index", b"application/json"),
    ],
)
@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_disconnects_gets_no_error(
    app: FastAPI, path: str, content_type: bytes, begun: bool
) -> None:
    messages: list[Message] = [{"type": "http.disconnect"}]
    if begun:
        messages.insert(0, {"type": "http.request", "body": b"{", "more_body": True})
    statuses: list[int] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    headers = [(b"content-type", content_type)]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    await app({**scope, "headers": headers}, receive, send)
    assert [status for status in statuses if status not in (0, 200)] == []
    assert messages == []


async def test_a_large_inference_equals_small_ones(client: httpx.AsyncClient) -> None:
    rows = 1000
    inputs = [{"name": "input", "datatype": "FP64", "shape": [rows, 9], "data": ROW * rows}]
    answer = await client.post("/v2/models/article/infer", json={"inputs": inputs})
    one = [{"name": "input", "datatype": "FP64", "shape": [1, 9], "data": ROW}]
    alone = await client.post("/v2/models/article/infer", json={"inputs": one})
    assert (answer.status_code, alone.status_code) == (200, 200)
    assert answer.json()["outputs"][0]["data"] == alone.json()["outputs"][0]["data"] * rows


@pytest.mark.parametrize("identity", ["a\nb", "x" * 2000])
async def test_an_invalid_id_is_not_repeated(client: httpx.AsyncClient, identity: str) -> None:
    inputs = [{"name": "input", "datatype": "FP64", "shape": [1, 9], "data": ROW}]
    body = {"id": identity, "inputs": inputs}
    answer = await client.post("/v2/models/article/infer", json=body)
    assert answer.status_code == 200
    assert answer.json().get("id") != identity


async def test_an_invalid_threshold_and_an_invalid_weight(client: httpx.AsyncClient) -> None:
    body = {"instances": [ROW]}
    assert (await client.post("/predict?threshold=1e", json=body)).status_code == 422
    headers = {"Accept": "text/csv;q=much"}
    answer = await client.post("/predict", json=body, headers=headers)
    assert answer.headers["content-type"].startswith("text/csv")


def test_long_errors_of_the_inference_protocol_are_truncated() -> None:
    errors = [FieldError(field="x" * 300, rule="is bad") for _ in range(9)]
    answer = Problem.invalid(errors).response_for({"path": "/v2/models/a/infer"})
    text = bytes(answer.body).decode()
    assert "…" in text
    assert len(text) == 1000 + len('{"error":""}')


def test_a_model_without_a_file_does_not_change(predictor: Predictor) -> None:
    model = Model(ModelVersion(predictor, Settings()))
    assert not model.changed()
    assert not model.reload()
    assert [each.predictor for each in model.versions] == [predictor]


async def test_arrow_without_its_extra(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "find_spec", lambda _: None)
    arrow = "application/vnd.apache.arrow.stream"
    sent = await client.post("/predict", content=b"", headers={"Content-Type": arrow})
    assert sent.status_code == 415
    assert arrow not in sent.headers["accept"]
    received = await client.post("/predict", json={"instances": [ROW]}, headers={"Accept": arrow})
    assert received.status_code == 406
    for answer in (sent, received):
        assert "pip install 'malignancy[arrow]'" in answer.json()["detail"]

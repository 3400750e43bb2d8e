"""Tests of service.observability.tracing: variables, the missing extra, and spans of requests."""

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
from support.paths import ROOT

from model.prediction.predictor import Predictor
from service.app import create_app
from service.observability.access_log import access_log
from service.observability.tracing import (
    _QueryRedactor,
    check_protocol,
    create_tracer_provider,
    tracing_is_enabled,
)
from service.settings import SettingError, Settings

pytestmark = pytest.mark.anyio

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
COLLECTOR = "http://127.0.0.1:9"  # nothing listens there


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": COLLECTOR}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_standard_variables_enable_tracing(environment: dict[str, str], expected: bool) -> None:
    assert tracing_is_enabled(environment) is expected


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, None),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": ""}, None),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"),
        (
            {
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            },
            None,
        ),
    ],
)
def test_only_one_protocol_is_supported(environment: dict[str, str], variable: str | None) -> None:
    check_protocol(environment)  # tracing is not enabled
    enabled = {**environment, "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR}
    if variable is None:
        check_protocol(enabled)
    else:
        with pytest.raises(SettingError, match=rf"^{variable} must be http/protobuf"):
            check_protocol(enabled)


@pytest.mark.process
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_service_does_not_start_with_another_protocol(
    workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    command = [sys.executable, "-m", "service", "--workers", workers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf")


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("", "", "malignancy"),
        ("a", "", "a"),
        ("", "service.name=b,deployment.environment=blue", "b"),
        ("a", "service.name=b", "a"),
        ("", "deployment.environment=blue", "malignancy"),
    ],
)
def test_standard_variables_name_the_service(
    name: str, attributes: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opentelemetry.sdk.trace", reason="the extra tracing is not installed")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
    monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", attributes)
    provider = create_tracer_provider()
    assert provider is not None
    found = provider.resource.attributes
    provider.shutdown()
    assert found["service.name"] == expected
    assert found.get("deployment.environment", "blue") == "blue"
    assert ("deployment.environment" in found) is ("deployment" in attributes)


def test_a_missing_extra_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert create_tracer_provider() is None
    assert caplog.text == ""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
    assert create_tracer_provider() is None
    (record,) = caplog.records
    assert record.message == "tracing_unavailable"
    assert vars(record)["fix"] == "pip install 'malignancy[tracing]'"


async def test_without_a_provider_there_is_no_span(predictor: Predictor) -> None:
    app = create_app(Settings(), predictor)
    assert not app._native_telemetry.enabled()


class Spans:
    """A traced service and its exported spans."""

    def __init__(self, predictor: Predictor) -> None:
        reason = "the extra tracing is not installed"
        sdk = pytest.importorskip("opentelemetry.sdk.trace", reason=reason)
        export = pytest.importorskip("opentelemetry.sdk.trace.export")
        memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
        self.exporter = memory.InMemorySpanExporter()
        provider = sdk.TracerProvider()
        provider.add_span_processor(export.SimpleSpanProcessor(self.exporter))
        log = access_log("info", "json")
        self.app = create_app(Settings(), predictor, log, tracer_provider=provider)

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **arguments)


async def test_a_span_has_the_clients_parent_and_is_in_the_log(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
    spans = Spans(predictor)
    rows = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = await spans.request("POST", "/predict?threshold=0.7", json=rows, headers=headers)
    assert answer.status_code == 200
    (span,) = spans.exporter.get_finished_spans()
    assert span.name == "POST /predict"
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.attributes["http.route"] == "/predict"
    assert span.attributes["http.response.status_code"] == 200
    assert "0.7" not in str(dict(span.attributes))
    line = json.loads(capsys.readouterr().err)
    assert (line["trace_id"], line["span_id"]) == (TRACE, f"{span.context.span_id:016x}")


async def test_health_checks_have_no_span(predictor: Predictor) -> None:
    spans = Spans(predictor)
    assert (await spans.request("GET", "/health")).status_code == 200
    assert spans.exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"url.query": "subject=planted"}, {"url.query": "REDACTED"}),
        ({"url.path": "/subjects/planted/a"}, {"url.path": "/subjects/REDACTED"}),
        ({"url.path": "/triage/subjects/planted"}, {"url.path": "/triage/subjects/REDACTED"}),
        ({"url.path": "/predict"}, {"url.path": "/predict"}),
        ({}, {}),
    ],
)
def test_spans_have_neither_queries_nor_subjects(
    attributes: dict[str, str], expected: dict[str, str]
) -> None:
    class Span:
        def __init__(self) -> None:
            self.attributes = dict(attributes)
            self.set_attribute = self.attributes.__setitem__

    span: Any = Span()
    _QueryRedactor().on_start(span)
    assert span.attributes == expected

"""Tests of service.observability.logging and access_log: formats, fields, and no request values."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from model.errors import MAX_TEXT_CHARACTERS
from model.prediction.predictor import Predictor
from service.app import create_app
from service.observability.access_log import access_log
from service.observability.logging import (
    MAX_TRACEBACK_CHARACTERS,
    LogFormat,
    configure_logging,
    resolve_log_format,
)
from service.request_context import RequestContext, request_context
from service.settings import Settings

pytestmark = pytest.mark.anyio

ROWS = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]]}


class Errors:
    """The text written to standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._read = ""

    @property
    def text(self) -> str:
        self._read += self._capsys.readouterr().err
        return self._read

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def errors(capsys: pytest.CaptureFixture[str]) -> Iterator[Errors]:
    """Standard error; restores the configuration of logging after the test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield Errors(capsys)
    logging.captureWarnings(False)
    root.handlers[:], root.level = before


class ClosedPipe(io.BytesIO):
    """A pipe whose reader has closed it."""

    def write(self, _: Any) -> int:
        raise BrokenPipeError


async def send_requests(predictor: Predictor, level: str, log_format: LogFormat = "json") -> None:
    app = create_app(Settings(), predictor, access_log(level, log_format))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        headers = {"X-Request-ID": "mine-1"}
        assert (
            await client.post("/predict?threshold=0.7654321", json=ROWS, headers=headers)
        ).is_success
        await client.get("/secret%0A%22path?name=secret")
        await client.request("BREW\x7f", "/model")
        await client.get("/health/ready")


async def test_one_line_for_each_request(errors: Errors, predictor: Predictor) -> None:
    await send_requests(predictor, "info")
    first, second, third = errors.lines
    duration, stamp = first.pop("duration_ms"), first.pop("timestamp")
    assert 0 < duration < 20_000
    assert stamp.endswith("Z")
    assert first == {
        "event": "request",
        "level": "info",
        "logger": "service.access",
        "request_id": "mine-1",
        "method": "POST",
        "route": "/predict",
        "status": 200,
        "model": predictor.title,
        "rows": 2,
    }
    assert (second["route"], second["status"]) == ("unmatched", 404)
    assert "model" not in second
    assert (third["method"], third["route"], third["status"]) == ("other", "/model", 405)
    assert "secret" not in errors.text
    assert "0.7654321" not in errors.text


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warning", 0)])
async def test_health_checks_are_at_level_debug(
    errors: Errors, predictor: Predictor, level: str, lines: int
) -> None:
    await send_requests(predictor, level)
    assert len(errors.lines) == lines


async def test_text_lines(errors: Errors, predictor: Predictor) -> None:
    await send_requests(predictor, "info", "text")
    first = errors.text.splitlines()[0]
    assert "[info     ] request" in first
    assert "route=/predict" in first
    assert "\x1b" not in first  # no colours in a file


def test_a_closed_standard_error_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(ClosedPipe()))
    access_log("info", "json")(RequestContext("a", route="/predict"), "GET", 200, 0.1)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_is_one_field_without_local_variables(
    errors: Errors, log_format: LogFormat
) -> None:
    configure_logging("info", log_format)
    patient = "Ms. " + "Example"
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("any").exception("unexpected_error", extra={"attempt": 2})
    assert patient not in errors.text
    assert "RuntimeError: broken" in errors.text
    if log_format == "json":
        (line,) = errors.lines
        assert (line["event"], line["attempt"]) == ("unexpected_error", 2)
        assert line["level"] == "error"
        assert line["logger"] == "any"
        assert "Traceback" in line["exception"]


def test_records_of_all_loggers_are_json_with_the_request_id(errors: Errors) -> None:
    configure_logging("warning", "json")
    token = request_context.set(RequestContext("mine-2"))
    try:
        logging.getLogger("uvicorn.error").warning("two\nlines, \x1b and \udcff")
    finally:
        request_context.reset(token)
    logging.getLogger("service").info("not logged")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("outdated", stacklevel=1)
    first, second = errors.lines
    assert first["request_id"] == "mine-2"
    assert first["event"] == "two\nlines, \x1b and \udcff"
    assert second["logger"] == "py.warnings"
    assert "outdated" in second["event"]
    assert "request_id" not in second


def test_extra_fields_are_fields_of_a_json_line(errors: Errors) -> None:
    configure_logging("info", "json")
    fields = {"model": "b@2", "previous": "a@1", "lines": 3}
    logging.getLogger("service").info("model_reloaded", extra=fields)
    (line,) = errors.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "model_reloaded", "level": "info", "logger": "service", **fields}


def test_extra_fields_are_fields_of_a_text_line(errors: Errors) -> None:
    configure_logging("info", "text")
    fields = {"model": "b@2", "seconds": 0.5}
    logging.getLogger("service").info("model_reloaded", extra=fields)
    assert "model_reloaded" in errors.text
    assert "model=b@2" in errors.text
    assert "seconds=0.5" in errors.text


def test_uvicorns_color_message_is_removed(errors: Errors) -> None:
    configure_logging("info", "json")
    extra = {"color_message": "\x1b[36mstarted\x1b[0m"}
    logging.getLogger("uvicorn.error").info("started", extra=extra)
    assert set(errors.lines[0]) == {"event", "level", "logger", "timestamp"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stderr", "expected"), [(Terminal(), "text"), (io.StringIO(), "json"), (None, "json")]
)
def test_auto_is_text_at_a_terminal_and_json_otherwise(
    monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO | None, expected: str
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    assert resolve_log_format("auto") == expected
    assert resolve_log_format("json") == "json"
    assert resolve_log_format("text") == "text"


@pytest.mark.usefixtures("errors")
@pytest.mark.parametrize("stderr", [Terminal(), io.StringIO()])
def test_auto_is_the_default_of_log_records(
    monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    configure_logging("info", Settings().log_format)
    logging.getLogger("service").info("model_loaded", extra={"model": "a@1"})
    written = stderr.getvalue()
    if stderr.isatty():
        assert "\x1b" in written
        assert "model_loaded" in written
    else:
        assert json.loads(written)["model"] == "a@1"


@pytest.mark.parametrize("terminal", [True, False])
def test_auto_is_the_default_of_the_access_log(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    written = io.BytesIO()
    stderr = io.TextIOWrapper(written)
    monkeypatch.setattr(stderr, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stderr)
    access_log("info", Settings().log_format)(
        RequestContext("a", route="/predict"), "GET", 200, 0.1
    )
    line = written.getvalue().decode()
    if terminal:
        assert "/predict" in line
        assert not line.startswith("{")
    else:
        assert json.loads(line)["route"] == "/predict"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_long_texts_are_cut(errors: Errors, log_format: LogFormat) -> None:
    configure_logging("info", log_format)
    long = "x" * 10**6
    logging.getLogger("any").warning("event", extra={"error": f"begin {long} end"})
    assert len(errors.text) < MAX_TEXT_CHARACTERS + 500
    assert "begin xx" in errors.text
    assert "xx end" in errors.text
    try:
        raise RuntimeError(f"{long} last")
    except RuntimeError:
        logging.getLogger("any").exception("failed")
    assert len(errors.text) < MAX_TEXT_CHARACTERS + MAX_TRACEBACK_CHARACTERS + 1000
    assert "Traceback" in errors.text
    assert "test_long_texts_are_cut" in errors.text
    assert "xx last" in errors.text

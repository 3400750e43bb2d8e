"""Tests of service.observability.access_log: exact bytes of lines."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from service.health_checks import is_health_check
from service.observability import access_log as module
from service.observability.access_log import MAX_TEMPLATES, METHODS, access_log
from service.request_context import AccessLog, RequestContext

TRACE = {"trace_id": "0123456789abcdef0123456789abcdef", "span_id": "0123456789abcdef"}
SECOND = 10**9

texts = st.text(st.characters(exclude_categories=["Cs"]))
contexts = st.builds(
    RequestContext,
    id=st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True),
    route=st.sampled_from(
        ["/predict", "/models/{name}/predict", "/health/ready", "/v2/models/{name}/ready"]
    )
    | texts,
    model=st.sampled_from(["", "article@0123456789ab", '"duration_ms":1}%s']) | texts,
    rows=st.integers(0, 10**9),
)
methods = st.sampled_from(["GET", "POST", "BREW", '"\n']) | texts
times = st.integers(0, 4 * 10**9 * SECOND) | st.integers(0, 4 * 10**9).map(SECOND.__mul__)


class Lines:
    """Writer that keeps the last line."""

    last = b""

    def put(self, line: Callable[[], bytes]) -> None:
        self.last = line()


class Logs(NamedTuple):
    """Access logs without and with tracing, where their lines go, and a way to set the time."""

    plain: AccessLog
    traced: AccessLog
    lines: Lines
    patch: pytest.MonkeyPatch


@pytest.fixture(scope="module")
def logs() -> Iterator[Logs]:
    lines = Lines()
    with pytest.MonkeyPatch.context() as patch:
        plain = access_log("debug", "json", lines)  # type: ignore[arg-type]
        patch.setattr(module, "tracing_is_enabled", lambda: True)
        patch.setattr(module, "trace_ids", lambda: TRACE)
        yield Logs(plain, access_log("debug", "json", lines), lines, patch)  # type: ignore[arg-type]


@given(contexts, methods, st.integers(100, 599), st.integers(0, 10**12), times)
def test_a_line_is_the_json_of_its_fields(
    logs: Logs,
    request_context: RequestContext,
    method: str,
    status: int,
    microseconds: int,
    time: int,
) -> None:
    logs.patch.setattr(module, "time_ns", lambda: time)
    moment = datetime.fromtimestamp(time // SECOND, UTC)
    moment = moment.replace(microsecond=time % SECOND // 1000)
    fields = {
        "event": "request",
        "level": "debug" if is_health_check(request_context.route) else "info",
        "logger": "service.access",
        "request_id": request_context.id,
        "method": method if method in METHODS else "other",
        "route": request_context.route,
        "status": status,
        "duration_ms": microseconds / 1000,
    }
    if request_context.model:
        fields |= {"model": request_context.model, "rows": request_context.rows}
    end = {"timestamp": moment.isoformat().replace("+00:00", "Z")}  # as structlog's TimeStamper
    logs.plain(request_context, method, status, microseconds / 1e6)
    assert logs.lines.last == to_json(fields | end) + b"\n"
    logs.traced(request_context, method, status, microseconds / 1e6)
    assert logs.lines.last == to_json(fields | TRACE | end) + b"\n"


@given(st.floats(0, 1e6))
def test_a_duration_has_microseconds(logs: Logs, seconds: float) -> None:
    logs.plain(RequestContext("a", "/predict"), "GET", 200, seconds)
    text = logs.lines.last.partition(b'"duration_ms":')[2].partition(b",")[0].decode()
    assert abs(float(text) - seconds * 1000) <= 0.00051
    assert len(text.partition(".")[2]) <= 3


def test_templates_in_memory_are_bounded(logs: Logs) -> None:
    for number in range(MAX_TEMPLATES + 10):
        logs.plain(RequestContext("a", "/predict", f"model@{number}", 1), "GET", 200, 0.1)
    assert module._template.cache_info().currsize == MAX_TEMPLATES
    assert b'"model":"model@1033","rows":1,' in logs.lines.last

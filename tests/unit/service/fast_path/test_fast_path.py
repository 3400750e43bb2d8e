"""service/fast_path: its responses, metrics and log lines are those of the ASGI application."""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import httpx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.fake_connection import Server, statuses

from model.prediction.predictor import Predictor
from service.app import create_app
from service.codecs.json.parser import InstanceParser
from service.compression import answers as compressed_answers
from service.fast_path import predictions
from service.inference.answer import Answer
from service.inference.instances import encode_answer
from service.lifecycle import Phase
from service.protocol.direct_requests import Responder
from service.request_context import RequestContext
from service.routes import snapshot
from service.settings import Settings

KEYS: Final = f"key:predict+metrics:{hashlib.sha256(b'secret').hexdigest()}"
HEADERS: Final = [
    "Content-Type: application/json",
    "Content-Type: application/json; charset=utf-8",
    "Content-Type: text/csv",
    "Accept: application/json",
    "Accept: text/plain",
    "Accept: text/csv, */*;q=0.1",
    "Accept: text/html, */*;q=0.1",
    "Accept: text/html\r\nIf-None-Match: *",
    "User-Agent: a",
    "Connection: close",
    "Connection: keep-alive",
    "X-Request-ID: given-id",
    "X-Request-ID: not valid",
    "X-API-Key: key.secret",
    "Authorization: Bearer key.secret",
    "Expect: 100-continue",
    "Content-Encoding: gzip",
    "Accept-Encoding: gzip;q=0, identity",
    *(  # a compressed answer has its id where no pattern finds it
        f"Accept-Encoding: {accepted}\r\nX-Request-ID: given-id"
        for accepted in ("gzip, deflate", "gzip, identity;q=0")
    ),
]
GETS: Final = [
    "/",
    "/",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/model",
    "/openapi.json",
    "/v2",
]
GETS_WITH_SLASH: Final = ["/health/live/", "/metrics/", "/docs/", "/v2/"]
QUERIES: Final = ["?threshold=0.25", "?threshold=2", "?on_error=mark", "?unknown=1"]
PARAMETERS: Final = [None, {}, {"threshold": 0.75}, {"threshold": 2}, {"other": 1}]
VALUES: Final[list[Any]] = [
    1,
    5,
    10,
    5.0,
    2.5,
    -0.0,
    0,
    11,
    1e300,
    None,
    True,
    "red",
    "dark blue",
    "x:y",
    [],
]


class Recorded:
    """A service with a log of its requests."""

    def __init__(self, predictor: Predictor, **fields: Any) -> None:
        self.log: list[tuple[object, ...]] = []
        self.service = create_app(Settings(**fields), predictor, access_log=self._record)

    def _record(self, request: RequestContext, method: str, status: int, _: float) -> None:
        model, rows = request.model, request.rows
        # The ASGI application sets them before it fails, and never shows them then.
        self.log.append((request.route, method, status, *((model, rows) if status == 200 else ())))

    async def counts(self) -> list[str]:
        """Return the counters of requests and predictions."""
        transport = httpx.ASGITransport(app=self.service)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"Accept": "text/plain", "X-API-Key": "key.secret"}
            lines = (await client.get("/metrics", headers=headers)).text.splitlines()
        counted = r"malignancy_(requests|predictions|refused|request_duration\w+_count)"
        return sorted(each for each in lines if re.match(counted, each))


def usual_row(predictor: Predictor) -> list[Any]:
    """Return a valid row as JSON values."""
    usual = predictor.self_test.rows[0].tolist()
    return [
        feature.spelled(value)
        for feature, value in zip(predictor.schema.features, usual, strict=True)
    ]


def usual_request(predictor: Predictor) -> bytes:
    """Return a request that the fast path answers."""
    body = json.dumps({"instances": [usual_row(predictor)]})
    head = "POST /predict HTTP/1.1", "Host: localhost", "X-API-Key: key.secret"
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode()


@st.composite
def requests(draw: st.DrawFn, predictor: Predictor) -> bytes:
    """A request, mostly one that is answered with 200."""
    names = predictor.schema.names
    values = usual_row(predictor)
    rarely = st.sampled_from([True, False, False, False])
    headers = draw(st.lists(st.sampled_from(HEADERS), max_size=2)) if draw(rarely) else []
    headers += [] if draw(rarely) else ["X-API-Key: key.secret"]
    path, body = draw(st.sampled_from(GETS + GETS_WITH_SLASH)), ""
    if path.startswith("/metrics"):  # in a format of Prometheus, they have times
        headers = [header for header in headers if not header.startswith("Accept")]
    method = draw(st.sampled_from(["POST", "POST", "POST", "GET", "HEAD"]))
    if method == "POST":
        name, version = predictor.name, predictor.version[:12]
        paths = [
            "/predict",
            f"/models/{name}/predict",
            f"/models/{name}/versions/{version}/predict",
            "/invocations",
            f"/v1/models/{name}:predict",
            f"/v1/models/{name}/versions/{version}:predict",
        ]
        path = draw(st.sampled_from(paths))
        path += "/" if draw(rarely) else ""
        path += draw(st.sampled_from(QUERIES)) if draw(rarely) else ""
        rows = []
        for _ in range(draw(st.sampled_from([1, 1, 2, 3, 30]))):
            row = list(values)
            if draw(rarely):
                place = draw(st.integers(0, len(row) - 1))
                row[place] = draw(st.sampled_from(VALUES))
            rows.append(row)
        named = [dict(zip(names, row, strict=True)) for row in rows]
        forms: list[Any] = [
            named[0],
            {"instances": rows},
            {"instances": rows[:1]},
            {"instances": named},
            {"instances": rows, "parameters": draw(st.sampled_from(PARAMETERS))},
        ]
        forms += [[], {"instances": [*rows, "red"]}] if draw(rarely) else []
        body = json.dumps(draw(st.sampled_from(forms)))
        if draw(rarely):
            body = body.replace("{", "{" + f'"{names[0]}": 1,', 1)  # a name that is given twice
        headers.append(f"Content-Length: {len(body.encode())}")
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", body]
    return "\r\n".join(lines).encode()


async def answers(recorded: Recorded, sent: list[bytes], *, direct: bool) -> bytes:
    """Send data over one connection twice, so that heads are known the second time."""
    recorded.log.clear()
    wire = Server(service=recorded.service, direct=direct).connect()
    answered = b""
    for data in [*sent, *sent]:
        if wire.is_closed():
            wire = Server(service=recorded.service, direct=direct).connect()
        answered += await wire.send(data)
    await wire.lose()
    return re.sub(rb"[0-9a-f]{32}", b"(id)", answered)


@pytest.mark.parametrize("fields", [{}, {"max_rows": 2, "threshold": "0.1"}, {"api_keys": KEYS}])
def test_both_ways_give_the_same_bytes_counts_and_log_lines(
    kinds: Predictor, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "FRESH_SECONDS", 1000.0)
    monkeypatch.setattr(compressed_answers, "INLINE_BYTES", 2**30)  # a thread takes time
    kinds = replace(kinds, version="0123456789abcdef")
    if not kinds.schema.target.has_threshold:
        fields = {name: value for name, value in fields.items() if name != "threshold"}
    one, other = Recorded(kinds, **fields), Recorded(kinds, **fields)
    started = 0
    start = predictions.PredictionHandler.start

    def counted(handler: predictions.PredictionHandler, body: bytes, responder: Responder) -> bool:
        nonlocal started
        has_started = start(handler, body, responder)
        started += has_started
        return has_started

    monkeypatch.setattr(predictions.PredictionHandler, "start", counted)
    loop = asyncio.new_event_loop()
    for recorded in (one, other):  # make the snapshots, which takes a thread
        loop.run_until_complete(make_snapshots(recorded))

    @settings(max_examples=40, deadline=None)
    @example([usual_request(kinds)], False)
    @given(st.lists(requests(kinds), min_size=1, max_size=4), st.booleans())
    def compare(sent: list[bytes], pipelined: bool) -> None:
        data = [b"".join(sent)] if pipelined else sent
        found = loop.run_until_complete(answers(one, data, direct=True))
        expected = loop.run_until_complete(answers(other, data, direct=False))
        assert found == expected
        # Within a pipeline, a line may come before or after that of the next request.
        assert sorted(map(str, one.log)) == sorted(map(str, other.log))

    compare()
    counts = [loop.run_until_complete(recorded.counts()) for recorded in (one, other)]
    loop.close()
    assert counts[0] == counts[1]
    assert started > 0


async def make_snapshots(recorded: Recorded) -> None:
    transport = httpx.ASGITransport(app=recorded.service)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in GETS:
            await client.get(path, headers={"X-API-Key": "key.secret"})


HEAD: Final = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


def post(row: list[float]) -> bytes:
    body = json.dumps({"instances": [row]}).encode()
    return HEAD % len(body) + body


def directly(server: Server) -> Callable[[], int]:
    """Count requests for which the ASGI application is not called."""
    app, calls = server.config.loaded_app, 0

    async def counted(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        await app(*arguments)

    server.config.loaded_app = counted
    return lambda: calls


@pytest.mark.anyio
async def test_known_and_unknown_heads_are_answered_without_asgi(predictor: Predictor) -> None:
    server = Server(service=create_app(Settings(), predictor))
    calls, wire = directly(server), server.connect()
    for _ in range(3):
        assert statuses(await wire.send(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))) == [200]
        assert statuses(await wire.send(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")) == [200]
    assert calls() == 0
    assert statuses(await wire.send(post([50, 1, 1, 1, 2, 1, 3, 1, 1]))) == [422]
    assert calls() == 1


@pytest.mark.anyio
@pytest.mark.parametrize("direct", [True, False])
async def test_a_slash_at_the_end_is_not_in_logs_and_metrics(
    predictor: Predictor, direct: bool
) -> None:
    recorded = Recorded(predictor)
    wire = Server(service=recorded.service, direct=direct).connect()
    sent = post([5, 1, 1, 1, 2, 1, 3, 1, 1]).replace(b"/predict ", b"/predict/ ")
    for data in (sent, sent, b"GET /health/live/ HTTP/1.1\r\nHost: a\r\n\r\n"):
        assert statuses(await wire.send(data)) == [200]
    assert [each[0] for each in recorded.log] == ["/predict", "/predict", "/health/live"]
    assert not [each for each in await recorded.counts() if '/"' in each]


@pytest.mark.anyio
async def test_a_prediction_that_is_not_finite_is_rejected(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Predictor, "predict_encoded", lambda *_: np.full((1, 1), np.inf))
    monkeypatch.setattr(Predictor, "row_tables", predictor.row_tables)
    server = Server(service=create_app(Settings(), predictor))
    wire = server.connect()
    for _ in range(2):
        answered = await wire.send(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
        assert statuses(answered) == [422]
    assert b"finite" in answered


@pytest.mark.anyio
async def test_what_fails_is_answered_by_the_application(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = 0

    def encode_others(*arguments: Any, **options: Any) -> Answer:
        nonlocal encoded
        encoded += 1
        if encoded == 2:
            raise RuntimeError
        return encode_answer(*arguments, **options)

    monkeypatch.setattr(predictions, "encode_answer", encode_others)
    server = Server(service=create_app(Settings(), predictor))
    calls, wires = directly(server), [server.connect() for _ in range(3)]
    for wire in wires:
        wire.protocol.data_received(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
    assert [statuses(await wire.answered()) for wire in wires] == [[200]] * 3
    assert calls() == 1


@pytest.mark.anyio
async def test_an_unexpected_exception_is_logged_and_answered_with_500(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    server = Server(service=create_app(Settings(), predictor))
    wire = server.connect()
    data = post([5, 1, 1, 1, 2, 1, 3, 1, 1])
    assert statuses(await wire.send(data)) == [200]
    monkeypatch.setattr(InstanceParser, "encode", broken)
    assert statuses(await wire.send(data)) == [500]
    assert [record.message for record in caplog.records] == ["unhandled_exception"]


@pytest.mark.anyio
async def test_a_client_that_leaves_takes_nothing_from_others(predictor: Predictor) -> None:
    server = Server(service=create_app(Settings(), predictor))
    leaving, staying = server.connect(), server.connect()
    for wire in (leaving, staying):
        await wire.send(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
        wire.protocol.data_received(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
    await leaving.lose()
    assert statuses(await staying.answered()) == [200]
    assert not leaving.raw.written


@pytest.mark.anyio
@pytest.mark.parametrize("known", [False, True])
async def test_the_last_response_of_a_connection_says_so(predictor: Predictor, known: bool) -> None:
    server = Server(service=create_app(Settings(), predictor))
    wire = server.connect()
    if known:
        await wire.send(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
    wire.protocol.data_received(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
    wire.protocol.abort()  # has no effect on a request that is being answered
    wire.protocol.drain()
    assert b"\r\nconnection: close\r\n\r\n" in await wire.answered()
    assert wire.is_closed()


@pytest.mark.anyio
async def test_a_known_head_does_not_bypass_a_shutdown(predictor: Predictor) -> None:
    server = Server(service=create_app(Settings(), predictor))
    wire = server.connect()
    for expected in (False, True):
        answered = await wire.send(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
        assert (b"\r\nconnection: close\r\n\r\n" in answered) == expected
        server.lifecycle.advance_to(Phase.DRAINING)


@pytest.mark.anyio
async def test_a_known_head_does_not_bypass_admission(predictor: Predictor) -> None:
    server = Server(service=create_app(Settings(), predictor))
    wires = [server.connect() for _ in range(40)]
    await wires[0].send(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
    lane = server.context.admission.predictions
    for wire in wires:
        wire.protocol.data_received(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))
    assert (lane.admitted, len(lane.queue)) == (lane.batch_size, 40 - lane.batch_size)
    answered = [statuses(await wire.answered()) for wire in wires]
    assert answered == [[200]] * 40


@pytest.mark.anyio
async def test_tracing_has_no_fast_path(predictor: Predictor) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="the extra tracing is not installed")
    from opentelemetry.sdk.trace import TracerProvider

    app = create_app(Settings(), predictor, tracer_provider=TracerProvider())
    server = Server(service=app)
    calls, wire = directly(server), server.connect()
    assert statuses(await wire.send(post([5, 1, 1, 1, 2, 1, 3, 1, 1]))) == [200]
    assert calls() == 1

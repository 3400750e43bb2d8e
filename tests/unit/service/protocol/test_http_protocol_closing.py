"""service/protocol/http_protocol.py: connection limits, rejections, closing and shutdown."""

import json
import logging
from typing import Any, cast

import pytest
from starlette.types import Receive, Scope, Send
from support.fake_connection import GET, HEAD, WAIT, Server, Wire, detail, statuses

from service.lifecycle import Phase
from service.problems import Problem, rejected_scope, rejection_of
from service.protocol.http_protocol import (
    LINGER_BYTES,
    LINGER_SECONDS,
    PROGRESS_BYTES,
    RESERVE_SECONDS,
)
from service.protocol.open_connections import RESERVE

pytestmark = pytest.mark.anyio

BAD = b"GET /b" + HEAD + b"X : a\r\n\r\n"
HALVES = b"GET /halves" + HEAD + b"\r\n"
SHUTTING_DOWN = "The service is shutting down."
MEBIBYTES = 3
TOO_MANY = "The service has too many open connections; retry after 1 s."


def body(path: bytes, size: int) -> bytes:
    return b"POST " + path + HEAD + b"Content-Length: %d\r\n\r\n" % size


# Connection limits


async def test_a_connection_that_waits_for_its_client_makes_room() -> None:
    server = Server(max_connections=2, max_connections_per_address=0)
    old, busy = server.connect(), server.connect()
    await busy.send(WAIT)
    assert statuses(await server.connect("127.0.0.9").send(GET)) == [200]
    assert old.is_closed()
    assert not busy.is_closed()
    server.application.go.set()
    assert statuses(await busy.answered()) == [200]


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /a HT", body(b"/read", 9) + b"1", body(b"/a", 9), GET],
    ids=["silent", "half-head", "half-body", "answered-half-body", "idle"],
)
async def test_connections_in_these_states_make_room(sent: bytes) -> None:
    server = Server(max_connections=1, max_connections_per_address=0)
    slow = server.connect()
    if sent:
        await slow.send(sent)
    assert statuses(await server.connect().send(GET)) == [200]
    assert slow.is_closed()
    await slow.lose()
    assert len(server.context.connections) == 1


async def test_a_client_that_does_not_read_makes_room() -> None:
    server = Server(max_connections=1, max_connections_per_address=0)
    slow = server.connect()
    await slow.send(HALVES)
    slow.protocol.pause_writing()
    assert statuses(await server.connect().send(GET)) == [200]
    assert slow.is_closed()


async def test_a_client_that_waits_for_the_service_makes_no_room() -> None:
    server = Server(max_connections=3, max_connections_per_address=0)
    busy = [server.connect() for _ in range(3)]
    await busy[0].send(WAIT)
    await busy[1].send(HALVES)
    busy[1].protocol.pause_writing()
    busy[1].protocol.resume_writing()
    await busy[2].send(b"POST /wait" + HEAD + b"Content-Length: 900000\r\n\r\n")
    await busy[2].send(b"x" * 100_000)  # more than the service reads ahead
    assert busy[2].is_paused()
    assert statuses(await server.connect().send(GET)) == [503]
    assert not any(each.is_closed() for each in busy)


async def test_progress_of_a_body_keeps_a_connection() -> None:
    server = Server(max_connections=2, max_connections_per_address=0)
    first, second = server.connect(), server.connect()
    for each in (first, second):
        await each.send(body(b"/read", 2 * PROGRESS_BYTES))
    await first.send(b"x" * PROGRESS_BYTES)
    await second.send(b"x")
    server.connect()
    assert (first.is_closed(), second.is_closed()) == (False, True)


async def test_beyond_the_limit_only_probes_are_answered() -> None:
    server = Server(max_connections=1, max_connections_per_address=0)
    await server.connect().send(WAIT)
    rejected = server.connect()
    assert await rejected.answered() == b""
    answered = await rejected.send(GET)
    assert statuses(answered) == [503]
    assert detail(answered) == TOO_MANY
    assert b"retry-after: 1\r\n" in answered
    assert rejected.raw.ended
    for path in (b"/health/live", b"/health/ready", b"/ping"):
        probe = server.connect()
        answered = await probe.send(b"GET " + path + HEAD + b"\r\n")
        assert statuses(answered) == [200]
        assert b"connection: close\r\n" in answered
        assert probe.is_closed()


async def test_a_connection_of_the_reserve_must_begin_soon() -> None:
    server = Server(max_connections=1, max_connections_per_address=0)
    await server.connect().send(WAIT)
    reserve = server.connect()
    await reserve.later(RESERVE_SECONDS)
    assert not reserve.is_closed()
    await reserve.later(1)
    assert reserve.is_closed()


async def test_without_any_room_a_connection_is_aborted() -> None:
    server = Server(max_connections=1, max_connections_per_address=0)
    await server.connect().send(WAIT)
    reserve = [server.connect() for _ in range(RESERVE)]
    for each in reserve:
        server.context.connections.proceed(each.protocol)
    more = server.connect()
    assert await more.answered() == b""
    assert more.is_aborted()
    await more.lose()
    for each in reserve[:3]:
        await each.lose()
    assert [server.connect().is_aborted() for _ in range(3)] == [False] * 3


async def test_a_half_closed_client_is_answered() -> None:
    wire = Server().connect()
    await wire.send(WAIT + GET)
    assert wire.protocol.eof_received()
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200, 200]
    assert wire.is_closed()


async def test_a_half_closed_client_is_answered_before_a_request_that_is_cut_off() -> None:
    wire = Server().connect()
    await wire.send(WAIT + b"GET /b")
    assert wire.protocol.eof_received()
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]


@pytest.mark.parametrize("sent", [b"", b"GET", body(b"/read", 9), GET])
async def test_a_half_closed_client_without_a_whole_request_is_disconnected(sent: bytes) -> None:
    wire = Server().connect()
    if sent:
        await wire.send(sent)
    assert not wire.protocol.eof_received()


# Rejections


async def test_a_rejection_is_a_problem_with_a_request_id(caplog: pytest.LogCaptureFixture) -> None:
    wire = Server().connect()
    with caplog.at_level(logging.DEBUG, "service.protocol.http_protocol"):
        head, _, sent = (await wire.send(BAD)).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    problem = json.loads(sent)
    assert lines[0] == b"HTTP/1.1 400 Bad Request"
    assert lines[1] == b"date: today"
    assert f"x-request-id: {problem['instance']}".encode() in lines
    assert len(problem["instance"]) == 32
    assert f"content-length: {len(sent)}".encode() in lines
    assert lines[-1] == b"connection: close"
    (record,) = caplog.records
    assert record.message == "request_rejected"
    assert (vars(record)["status"], vars(record)["detail"]) == (400, problem["detail"])


async def test_the_application_receives_a_scope_for_input_that_is_not_a_request(wire: Wire) -> None:
    scopes: list[Scope] = []

    async def application(scope: Scope, _: Receive, send: Send) -> None:
        scopes.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    wire.protocol.app = cast(Any, application)
    await wire.send(GET + BAD)
    good, bad = scopes
    rejection = rejection_of(bad)
    assert rejection is not None
    assert rejection.status == 400
    empty: Scope = {
        "method": "",
        "path": "",
        "raw_path": b"",
        "query_string": b"",
        "headers": [],
    }
    assert bad == rejected_scope({**good, **empty}, rejection)
    assert bad["state"] is not good["state"]


async def test_a_rejection_follows_earlier_responses() -> None:
    wire = Server().connect()
    assert statuses(await wire.send(GET + GET + BAD + GET)) == [200, 200, 400]
    assert wire.is_ended()
    wire = Server().connect()
    assert await wire.send(WAIT + GET + BAD) == b""
    assert not wire.is_ended()
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200, 200, 400]
    assert wire.is_ended()


async def test_only_the_first_rejection_is_sent() -> None:
    wire = Server().connect()
    assert await wire.send(WAIT + BAD) == b""
    wire.protocol.reject_request(Problem(408))
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200, 400]


async def test_a_malformed_body_is_rejected_when_it_is_read() -> None:
    wire = Server().connect()
    chunked = b"POST /read" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    assert await wire.send(chunked) == b""
    answered = await wire.send(b"x\r\n")
    assert statuses(answered) == [400]
    assert wire.server.application.left == []
    assert wire.server.state.total_requests == 1


async def test_a_malformed_body_in_a_pipeline_is_rejected_in_order() -> None:
    wire = Server().connect()
    chunked = b"POST /read" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n"
    assert await wire.send(WAIT + GET + chunked) == b""
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200, 200, 400]
    assert [scope["path"] for scope in wire.server.application.scopes] == ["/wait", "/a", "/read"]


async def test_a_started_response_is_not_replaced_by_a_rejection() -> None:
    wire = Server().connect()
    chunked = b"POST /halves" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert statuses(await wire.send(chunked)) == [200]
    assert await wire.send(b"x\r\n") == b""
    assert wire.is_ended()
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == []


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        (b"/v2/read", b"application/json"),
        (b"/v1/read", b"application/json"),
        (b"/read", b"application/problem+json"),
    ],
)
async def test_a_rejection_has_the_error_format_of_its_path(path: bytes, media_type: bytes) -> None:
    wire = Server().connect()
    await wire.send(b"POST " + path + HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    answered = await wire.send(b"x\r\n")
    assert b"content-type: " + media_type + b"\r\n" in answered


# Closing


async def test_the_application_sees_a_disconnect(wire: Wire) -> None:
    await wire.send(b"GET /never" + HEAD + b"\r\n" + GET)
    await wire.lose()
    assert wire.server.application.left == ["/never"]
    assert len(wire.server.application.scopes) == 1
    assert not wire.server.state.connections


async def test_a_disconnect_after_the_response(wire: Wire) -> None:
    await wire.send(GET)
    await wire.lose(ConnectionResetError())
    assert not wire.is_closed()  # it is closed already
    assert wire.server.application.left == []


async def test_a_close_between_requests_does_not_linger(wire: Wire) -> None:
    await wire.send(GET[:-2] + b"Connection: close\r\n\r\n")
    assert (wire.is_closed(), wire.is_ended()) == (True, False)


@pytest.mark.parametrize("can_end", [True, False])
async def test_a_close_within_a_body_reads_the_rest_of_any_size(wire: Wire, can_end: bool) -> None:
    wire.raw.can_end = can_end
    closing = body(b"/a", MEBIBYTES * 1024 * 1024)[:-2] + b"Connection: close\r\n\r\n"
    assert statuses(await wire.send(closing)) == [200]
    assert (wire.is_closed(), wire.is_ended()) == (False, can_end)
    for _ in range(MEBIBYTES):
        assert await wire.send(b"x" * 1024 * 1024) == b""
        await wire.later(LINGER_SECONDS)
        assert not wire.is_closed()
    await wire.later(1)
    assert wire.is_closed()


async def test_a_client_that_sends_the_rest_slowly_is_not_waited_for(wire: Wire) -> None:
    await wire.send(body(b"/a", 10**9)[:-2] + b"Connection: close\r\n\r\n")
    for _ in range(3):
        assert not wire.is_closed()
        await wire.send(b"x" * (LINGER_BYTES // 4))
        await wire.later(LINGER_SECONDS / 2)
    assert wire.is_closed()


async def test_a_client_that_stops_sending_is_not_waited_for(wire: Wire) -> None:
    await wire.send(body(b"/a", 1000)[:-2] + b"Connection: close\r\n\r\n")
    await wire.later(LINGER_SECONDS)
    assert not wire.is_closed()
    await wire.later(1)
    assert wire.is_closed()


async def test_a_close_of_a_closing_transport_does_not_linger(wire: Wire) -> None:
    await wire.send(body(b"/wait", 10)[:-2] + b"Connection: close\r\n\r\n")
    wire.raw.closed = True
    wire.server.application.go.set()
    await wire.answered()
    assert not wire.is_ended()


@pytest.mark.parametrize("size", [1000, 3 * 1024 * 1024])
async def test_the_rest_of_a_body_is_discarded_and_the_connection_kept(
    wire: Wire, size: int
) -> None:
    assert statuses(await wire.send(body(b"/a", size))) == [200]
    assert await wire.send(b"x" * (size - 1)) == b""
    assert statuses(await wire.send(b"x" + GET)) == [200]


async def test_a_closing_connection_starts_no_further_request(wire: Wire) -> None:
    await wire.send(WAIT + GET)
    wire.protocol.transport.close()
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]
    assert len(wire.server.application.scopes) == 1


# Shutdown


def drain(wire: Wire) -> None:
    wire.server.context.lifecycle.advance_to(Phase.DRAINING)
    wire.protocol.drain()


async def test_the_response_that_is_due_closes_the_connection(wire: Wire) -> None:
    await wire.send(WAIT)
    drain(wire)
    assert not wire.is_ended()
    wire.server.application.go.set()
    answered = await wire.answered()
    assert statuses(answered) == [200]
    assert b"connection: close\r\n" in answered
    assert wire.is_ended()  # and lingers for a request that is on the way
    assert not wire.is_closed()


async def test_the_next_response_of_an_idle_connection_closes_it(wire: Wire) -> None:
    await wire.send(GET)
    drain(wire)
    assert not wire.is_ended()
    answered = await wire.send(GET)
    assert (statuses(answered), wire.is_ended()) == ([200], True)
    assert b"connection: close\r\n" in answered


async def test_only_the_last_response_of_a_pipeline_closes_the_connection(wire: Wire) -> None:
    await wire.send(WAIT)
    drain(wire)
    await wire.send(GET + GET)
    wire.server.application.go.set()
    answered = await wire.answered()
    assert statuses(answered) == [200, 200, 200]
    assert answered.count(b"connection: close") == 1
    assert answered.rindex(b"HTTP/1.1") < answered.index(b"connection: close")


async def test_a_request_with_connection_close_ends_its_pipeline(wire: Wire) -> None:
    await wire.send(b"GET /wait" + HEAD + b"Connection: close\r\n\r\n")
    drain(wire)
    await wire.send(GET)
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]  # as without a shutdown


async def test_abort_rejects_an_unanswered_request(wire: Wire) -> None:
    await wire.send(b"GET /v2/models/never" + HEAD + b"\r\n" + GET)
    wire.protocol.abort()
    answered = await wire.answered()
    assert statuses(answered) == [503]
    assert b'{"error":"' + SHUTTING_DOWN.encode() in answered  # the error format of its path
    assert b"retry-after: 1\r\n" in answered
    assert wire.server.application.left == ["/v2/models/never"]
    assert wire.is_ended()
    assert await wire.send(GET) == b""


async def test_abort_rejects_an_incomplete_request(wire: Wire) -> None:
    await wire.send(b"POST /read" + HEAD + b"Content-Length: 9\r\n\r\n1234")
    wire.protocol.abort()
    answered = await wire.answered()
    assert (statuses(answered), detail(answered)) == ([503], SHUTTING_DOWN)
    half = Server().connect()
    await half.send(b"GET /a HTTP/1.1\r\nHo")
    half.protocol.abort()
    answered = await half.answered()
    assert (statuses(answered), detail(answered)) == ([503], SHUTTING_DOWN)


async def test_abort_cuts_off_a_started_response(wire: Wire) -> None:
    assert statuses(await wire.send(HALVES)) == [200]
    wire.protocol.abort()
    assert wire.is_aborted()


async def test_abort_closes_an_idle_connection(wire: Wire) -> None:
    wire.protocol.abort()
    assert wire.is_closed()
    assert not wire.is_aborted()
    idle = Server().connect()
    await idle.send(GET)
    idle.protocol.abort()
    assert (idle.is_closed(), idle.is_aborted()) == (True, False)


async def test_abort_closes_a_lingering_connection(wire: Wire) -> None:
    assert statuses(await wire.send(b"a\r\n\r\n")) == [400]
    assert not wire.is_closed()
    wire.protocol.abort()
    assert (wire.is_closed(), wire.is_aborted()) == (True, False)


async def test_received_bytes_are_read_before_an_idle_connection_closes(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wire.send(GET)
    wire.protocol.shutdown()
    unread = [3]
    monkeypatch.setattr(wire.protocol.transport, "unread_bytes", lambda: unread[0])
    await wire.later(5)
    assert not wire.is_closed()
    unread[0] = 0
    await wire.later(1)
    assert wire.is_closed()


@pytest.fixture
async def wire() -> Wire:
    return Server().connect()

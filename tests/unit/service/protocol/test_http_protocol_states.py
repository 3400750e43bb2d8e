"""service/protocol/http_protocol.py: the states of a connection and the transitions in between."""

import asyncio
from unittest import TestCase

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.types import Scope
from support.fake_connection import GET, HEAD, WAIT, Server, statuses

from service.lifecycle import Phase
from service.overload.admission import Admission, Decide, Lane
from service.protocol.direct_requests import Handler, Responder
from service.protocol.http_protocol import (
    CLOSED,
    IDLE,
    LINGERING,
    QUEUED,
    READING_BODY,
    READING_HEAD,
    RESPONDING,
    TRANSITIONS,
    ConnectionState,
    HardenedHttpProtocol,
)

POST = b"POST /read" + HEAD + b"Content-Length: 2\r\n\r\n"
DIRECT = b"POST /direct/read" + HEAD + b"Content-Length: 3\r\n\r\nnow"
CLOSE = GET[:-2] + b"Connection: close\r\n\r\n"
LAST = b"POST /read" + HEAD + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
BAD = GET[:-2] + b"X : a\r\n\r\n"

Transition = tuple[ConnectionState, ConnectionState]
Step = bytes | str


class ManualAdmission(Admission):
    """An admission that decides when the test calls `decide`."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = False
        self.lane = self.predictions = self.others = ManualLane()

    def try_admit(self, lane: Lane, loop: asyncio.AbstractEventLoop) -> bool:  # noqa: ARG002
        return not self.busy

    def decide(self, admitted: bool) -> None:
        queued, self.lane.queued = self.lane.queued, []
        for decide in queued:
            decide(admitted)


class ManualLane(Lane):
    """A lane whose requests wait until the test decides."""

    def __init__(self) -> None:
        super().__init__()
        self.queued: list[Decide] = []

    def enqueue(self, decide: Decide) -> None:
        self.queued.append(decide)


class Echo:
    """Answers a direct request with its body at once, later, or not at all."""

    def start(self, body: bytes, responder: Responder) -> bool:
        def respond() -> None:
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d" % len(body)
            responder.respond(head, body)

        match body:
            case b"now":
                respond()
            case b"end":
                asyncio.get_running_loop().call_soon(respond)
            case b"bad":
                asyncio.get_running_loop().call_soon(responder.fall_back)
        return body in (b"now", b"end", b"bad")


def find_echo(scope: Scope) -> Handler | None:
    return Echo() if scope["path"] == "/direct/read" else None


class Client:
    """A client of a connection whose server the test controls."""

    def __init__(self) -> None:
        self.server = Server(max_connections=1, receive_timeout_seconds=3)
        self.server.context.find_handler = find_echo
        self.admission = self.server.context.admission = ManualAdmission()
        self.wire = self.server.connect()

    async def take(self, step: Step) -> bytes:
        """Send bytes, or take a named step; return what the connection sends."""
        wire, protocol = self.wire, self.wire.protocol
        if isinstance(step, bytes):
            return await wire.send(step)
        match step:
            case "busy" | "overloaded":
                self.admission.busy, self.admission.lane.overloaded = True, step == "overloaded"
            case "admit" | "reject":
                self.admission.decide(step == "admit")
            case "answer":
                self.server.application.go.set()
            case "drain":
                self.server.lifecycle.advance_to(Phase.DRAINING)
                protocol.drain()
            case "shutdown":
                protocol.shutdown()
            case "abort":
                protocol.abort()
            case "evict":
                protocol.evict()
            case "wait":
                return await wire.later(12)
            case "lose":
                await wire.lose()
            case "finish":
                if not protocol.eof_received():  # the transport closes then
                    protocol.evict()
        return await wire.answered()


# A shortest way to each transition.
SCENARIOS: dict[Transition, list[Step]] = {
    (IDLE, READING_HEAD): [b"G"],
    (IDLE, QUEUED): ["overloaded", POST],
    (IDLE, RESPONDING): [DIRECT, DIRECT],
    (IDLE, LINGERING): ["overloaded", LAST, "drain", "reject"],
    (IDLE, CLOSED): ["lose"],
    (READING_HEAD, READING_BODY): [POST],
    (READING_HEAD, LINGERING): [BAD],
    (READING_HEAD, CLOSED): [b"G", "lose"],
    (READING_BODY, RESPONDING): [WAIT],
    (READING_BODY, LINGERING): [POST, "wait"],
    (READING_BODY, CLOSED): [POST, "lose"],
    (QUEUED, IDLE): ["overloaded", POST, "admit"],
    (QUEUED, CLOSED): ["overloaded", POST, "abort"],
    (RESPONDING, IDLE): [GET],
    (RESPONDING, READING_HEAD): [WAIT, b"G"],
    (RESPONDING, LINGERING): [WAIT, "drain", "answer"],
    (RESPONDING, CLOSED): [CLOSE],
    (LINGERING, IDLE): [POST.replace(b"/read", b"/a"), b"{}"],
    (LINGERING, CLOSED): [BAD, "wait"],
}
STEPS: list[Step] = [
    *(DIRECT, *(DIRECT.replace(b"now", body) for body in (b"end", b"bad", b"not"))),
    *(POST, b"{}", GET, CLOSE, WAIT, b"G", b"\r\n", BAD, GET * 3, POST.replace(b"/read", b"/a")),
    *(b"POST /halves" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", b"0\r\n\r\n"),
    GET[:-2] + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    *("busy", "overloaded", "admit", "reject", "answer", "drain", "shutdown", "abort", "wait"),
    *("evict", "finish", LAST),
]


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[Transition]:
    """The transitions of all connections, in order."""
    transitions: list[Transition] = []
    enter = HardenedHttpProtocol._enter

    def recorded(self: HardenedHttpProtocol, state: ConnectionState) -> None:
        before = self.state
        enter(self, state)
        transitions.append((before, self.state))

    monkeypatch.setattr(HardenedHttpProtocol, "_enter", recorded)
    return transitions


def all_transitions() -> set[Transition]:
    return {(before, after) for before in TRANSITIONS for after in TRANSITIONS[before]}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "transition", SCENARIOS, ids=lambda each: "-".join(state.name for state in each)
)
async def test_a_connection_reaches_each_transition(
    transition: Transition, entered: list[Transition]
) -> None:
    client = Client()
    *steps, last = SCENARIOS[transition]
    for step in steps:
        await client.take(step)
    assert transition not in entered
    await client.take(last)
    assert transition in entered


def test_the_table_has_no_transition_that_is_not_reached() -> None:
    assert set(SCENARIOS) == all_transitions()
    assert set(TRANSITIONS) == set(ConnectionState)


@pytest.mark.anyio
async def test_other_transitions_are_errors() -> None:
    protocol = Client().wire.protocol
    for before in ConnectionState:
        for after in set(ConnectionState) - TRANSITIONS[before]:
            protocol.state = before
            with pytest.raises(RuntimeError, match=f"from {before.name} to {after.name}"):
                protocol._enter(after)


async def run(steps: list[Step]) -> None:
    client = Client()
    protocol, answered = client.wire.protocol, b""
    for step in steps:
        answered += await client.take(step)
        due = [each for each in protocol._requests if not each.response_complete]
        if protocol.state in (IDLE, QUEUED):
            assert not due
        if protocol.state is RESPONDING:
            assert due
        assert (protocol.state is CLOSED) == client.wire.is_closed()
    assert set(statuses(answered)) <= {200, 400, 408, 503}
    assert answered.count(b"connection: close") <= 1
    await client.take("answer")
    await client.take("admit")
    await client.take("lose")
    assert protocol.state is CLOSED
    await client.take("admit")  # a late decision
    server = client.server
    assert not server.state.tasks
    assert not server.state.connections
    assert not len(server.context.connections)
    assert not server.deadline_timer.added


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=12))
@example([WAIT, b"G", BAD, "answer"])
@example(["busy", POST, b"x", "abort", "admit"])
def test_any_sequence_of_pieces_and_events_ends_clean(steps: list[Step]) -> None:
    with TestCase().assertNoLogs(level="ERROR"):
        asyncio.run(run(steps))

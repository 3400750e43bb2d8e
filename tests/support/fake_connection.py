"""A connection of the service without a socket: bytes in, bytes out, and its time by hand."""

import asyncio
import os
import re
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.lifecycle import Lifecycle
from service.middleware import RequestMiddleware
from service.observability.metrics import Telemetry
from service.overload.limiter import WorkLimiter
from service.protocol.connection import ConnectionContext
from service.protocol.http_protocol import HardenedHttpProtocol, hardened_protocol
from service.protocol.timeouts import TICK_SECONDS, DeadlineTimer, TimedConnection
from service.settings import Settings

TURNS = 30  # of the event loop, in which all that can be done without waiting is done

HEAD = b" HTTP/1.1\r\nHost: localhost\r\n"  # what follows a method and a path
GET = b"GET /a" + HEAD + b"\r\n"
WAIT = b"GET /wait" + HEAD + b"\r\n"

CAPACITY = WorkLimiter(threads=1, queue=1, wait_seconds=1, body_bytes=1 << 30)
NOWHERE = os.open(os.devnull, os.O_RDWR)


class Socket:
    """Holds nothing for the client, and keeps its options."""

    family = socket.AF_UNIX

    def __init__(self, peer: tuple[str, int] | None) -> None:
        self.peer = peer
        self.options: list[tuple[int, int, bytes]] = []

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 8000

    def getpeername(self) -> tuple[str, int] | str:
        return self.peer or ""  # of a socket in the file system

    def fileno(self) -> int:
        return NOWHERE

    def setsockopt(self, level: int, name: int, value: bytes) -> None:
        self.options.append((level, name, value))


class Raw(asyncio.Transport):
    """What the event loop would give: it keeps what is written, and takes it when told."""

    def __init__(self, peer: tuple[str, int] | None) -> None:
        self.socket = Socket(peer)
        super().__init__({"socket": self.socket})
        self.written = bytearray()
        self.unsent_bytes = 0
        self.closed = self.aborted = self.ended = self.paused = False
        self.can_end = True

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return self.can_end

    def write_eof(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Application:
    """Answers 200 with the path and the body: /read and /predict all of it, others what has come.
    /wait does it once it may `go`, /halves answers one half before, /never none."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.left: list[str] = []  # the paths of those whose clients left while it waited
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        path: str = scope["path"]
        last = path.rpartition("/")[2]
        body = b""
        if last in ("read", "predict"):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.left.append(path)
                    return
                body += message["body"]
                more = message["more_body"]
        if last == "never":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.append(path)
            return
        if last == "wait":
            await self.go.wait()
        content = path.encode() + b" " + body
        headers = [(b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if last == "halves":
            await send({"type": "http.response.body", "body": content[:3], "more_body": True})
            await self.go.wait()
            content = content[3:]
        await send({"type": "http.response.body", "body": content, "more_body": False})


class StillSweep(DeadlineTimer):
    """Tells nobody anything: the time is the test's."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[TimedConnection] = set()

    def add(self, connection: TimedConnection, loop: AbstractEventLoop) -> None:
        assert loop is asyncio.get_running_loop()
        self.told.add(connection)

    def discard(self, connection: TimedConnection) -> None:
        self.told.remove(connection)


class Server:
    """What the connections of a process share."""

    def __init__(self, **settings: Any) -> None:
        self.application = Application()
        self.lifecycle = Lifecycle(drain_seconds=0)
        self.protocol = hardened_protocol(Settings(**settings), self.lifecycle)
        self.context: ConnectionContext = cast(
            partial[HardenedHttpProtocol], self.protocol
        ).keywords["context"]
        self.deadline_timer = self.context.deadline_timer = StillSweep()
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.config = uvicorn.Config(
            cast(Callable[..., Any], RequestMiddleware(self.application, Telemetry(), CAPACITY)),
            http=self.protocol,
            lifespan="off",
            log_config=None,
            proxy_headers=False,
        )

    def connect(self, address: str | None = "127.0.0.1") -> "Wire":
        return Wire(self, None if address is None else (address, 50000))


class Wire:
    """A client's side of a connection."""

    def __init__(self, server: Server, peer: tuple[str, int] | None) -> None:
        self.server = server
        self.raw = Raw(peer)
        make = cast(partial[HardenedHttpProtocol], server.protocol)
        self.protocol = make(config=server.config, server_state=server.state, app_state={})
        self.protocol.connection_made(self.raw)

    # Calls, not attributes: mypy takes those to stay what they were found to be.

    def is_paused(self) -> bool:
        return self.raw.paused

    def is_closed(self) -> bool:
        return self.raw.closed

    def is_aborted(self) -> bool:
        return self.raw.aborted

    def is_ended(self) -> bool:
        """Whether the service has said that it writes no more."""
        return self.raw.ended

    async def send(self, data: bytes) -> bytes:
        """What is answered to some bytes as far as nothing is waited for."""
        self.protocol.data_received(data)
        return await self.answered()

    async def answered(self) -> bytes:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        answered = bytes(self.raw.written)
        self.raw.written.clear()
        return answered

    async def later(self, seconds: float) -> bytes:
        """What is answered when so much time has passed, in ticks."""
        for _ in range(round(seconds / TICK_SECONDS)):
            self.protocol.on_tick(TICK_SECONDS)
        return await self.answered()

    async def lose(self, error: Exception | None = None) -> None:
        """The client is gone."""
        self.protocol.connection_lost(error)
        await self.answered()


def statuses(answered: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]


def detail(answered: bytes) -> str:
    """Of a single problem."""
    found = re.search(rb'"detail":"([^"]*)"', answered)
    return found[1].decode() if found else ""

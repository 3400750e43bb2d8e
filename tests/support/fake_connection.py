"""A connection of the service without a socket: bytes in, bytes out, and a manual clock."""

import asyncio
import os
import re
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable
from functools import cache, partial
from typing import Any, cast

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.app import Service
from service.lifecycle import Lifecycle
from service.middleware import RequestMiddleware
from service.observability.metrics import Telemetry
from service.overload.memory import MemoryLedger
from service.protocol.connection_context import ConnectionContext
from service.protocol.http_protocol import HardenedHttpProtocol, hardened_protocol
from service.protocol.timeouts import TICK_SECONDS, DeadlineTimer, TimedConnection
from service.settings import Settings

ITERATIONS = 30  # of the event loop, enough for everything that does not wait

HEAD = b" HTTP/1.1\r\nHost: localhost\r\n"  # follows a method and a path
GET = b"GET /a" + HEAD + b"\r\n"
WAIT = b"GET /wait" + HEAD + b"\r\n"

NOWHERE = os.open(os.devnull, os.O_RDWR)


class Socket:
    """A socket with empty kernel buffers that records its options."""

    family = socket.AF_UNIX

    def __init__(self, peer: tuple[str, int] | None) -> None:
        self.peer = peer
        self.options: list[tuple[int, int, bytes]] = []

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 8000

    def getpeername(self) -> tuple[str, int] | str:
        return self.peer or ""  # a Unix socket

    def fileno(self) -> int:
        return NOWHERE

    def setsockopt(self, level: int, name: int, value: bytes) -> None:
        self.options.append((level, name, value))


class Raw(asyncio.Transport):
    """A transport in place of the event loop's: records written bytes and calls."""

    def __init__(self, peer: tuple[str, int] | None) -> None:
        self.socket = Socket(peer)
        super().__init__({"socket": self.socket})
        self.written = bytearray()
        self.unsent_bytes = 0
        self.closed = self.aborted = self.ended = self.paused = False
        self.can_end = True

    def write(self, data: Any) -> None:
        if self.ended:
            raise RuntimeError("Cannot call write() after write_eof()")  # as uvloop
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

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Application:
    """Answers 200 with the path and the body.

    /read and /predict read the whole body, the others none of it. /wait answers once `go` is set,
    /halves sends half of its response before, /never does not answer.
    """

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.left: list[str] = []  # paths of requests whose clients disconnected during a wait
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


class StillTimer(DeadlineTimer):
    """A timer that never ticks: the test calls `on_tick`."""

    def __init__(self) -> None:
        super().__init__()
        self.added: set[TimedConnection] = set()

    def add(self, connection: TimedConnection, loop: AbstractEventLoop) -> None:
        assert loop is asyncio.get_running_loop()
        self.added.add(connection)

    def discard(self, connection: TimedConnection) -> None:
        self.added.remove(connection)


@cache
def _settings(**settings: Any) -> Settings:
    """Return settings, which take longer to read from the environment than a request takes."""
    return Settings(**settings)


class Server:
    """A server in which tests open connections.

    It serves `Application`, or a service, with its handlers of direct requests unless `direct` is
    false.
    """

    def __init__(
        self,
        memory_bytes: int = 1 << 30,
        service: Service | None = None,
        *,
        direct: bool = True,
        **settings: Any,
    ) -> None:
        self.application = Application()
        self.lifecycle = Lifecycle(drain_seconds=0)
        telemetry = Telemetry()
        self.memory = MemoryLedger(memory_bytes)
        middleware = RequestMiddleware(self.application, telemetry, self.memory)
        self.context = ConnectionContext(
            _settings(**settings), self.lifecycle, telemetry.rejected, self.memory
        )
        if service is not None and direct:
            self.context.find_handler = service.find_handler
        self.protocol = hardened_protocol(self.context)
        self.deadline_timer = self.context.deadline_timer = StillTimer()
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.config = uvicorn.Config(
            cast(Callable[..., Any], service or middleware),
            http=self.protocol,
            lifespan="off",
            log_config=None,
            proxy_headers=False,
        )
        self.config.load()

    def connect(self, address: str | None = "127.0.0.1") -> "Wire":
        return Wire(self, None if address is None else (address, 50000))


class Wire:
    """The client's side of a connection."""

    def __init__(self, server: Server, peer: tuple[str, int] | None) -> None:
        self.server = server
        self.raw = Raw(peer)
        make = cast(partial[HardenedHttpProtocol], server.protocol)
        self.protocol = make(config=server.config, server_state=server.state, app_state={})
        self.protocol.connection_made(self.raw)

    # Methods, not attributes: mypy assumes that an attribute keeps its asserted value.

    def is_paused(self) -> bool:
        return self.raw.paused

    def is_closed(self) -> bool:
        return self.raw.closed

    def is_aborted(self) -> bool:
        return self.raw.aborted

    def is_ended(self) -> bool:
        """Return True if the service has closed its sending side."""
        return self.raw.ended

    async def send(self, data: bytes) -> bytes:
        """Deliver bytes, and return what is sent without waiting."""
        self.protocol.data_received(data)
        return await self.answered()

    async def answered(self) -> bytes:
        for _ in range(ITERATIONS):
            await asyncio.sleep(0)
        answered = bytes(self.raw.written)
        self.raw.written.clear()
        return answered

    async def later(self, seconds: float) -> bytes:
        """Advance the time in ticks, and return what is sent."""
        for _ in range(round(seconds / TICK_SECONDS)):
            self.protocol.on_tick(TICK_SECONDS)
        return await self.answered()

    async def lose(self, error: Exception | None = None) -> None:
        """Disconnect the client."""
        self.protocol.connection_lost(error)
        await self.answered()


def statuses(answered: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]


def detail(answered: bytes) -> str:
    """Return the detail of a single problem."""
    found = re.search(rb'"detail":"([^"]*)"', answered)
    return found[1].decode() if found else ""

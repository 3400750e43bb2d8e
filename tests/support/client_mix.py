"""Mixed clients: persistent, one connection per request, disconnecting early, and invalid HTTP.

The status of every response is checked.
"""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from random import Random
from typing import Any, Self, cast

from support.request_mix import HOST, Request, Requests, message

ANSWER_SECONDS = 60
STAYING, COMING, LEAVING, INVALID = 12, 3, 2, 1
MAX_PIPELINED = 32
CHUNKED = b"POST /predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
# Each has one response, and the connection is closed.
BROKEN = {
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\n" + HOST + b"X-A : b\r\n\r\n": 400,
    b"GET / HTTP/9.9\r\n" + HOST + b"\r\n": 400,
    b"BREW /%d HTTP/1.1\r\n" + HOST + b"\r\n": 400,
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(100): 400,
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n": 414,
    b"GET / HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 101 + b"\r\n": 431,
    CHUNKED + b"x\r\n{}\r\n0\r\n\r\n": 400,
    CHUNKED + (b"1;" + b"e" * 100 + b"\r\n \r\n") * 1000: 400,
    message("POST", "/predict", b"{}", b"Content-Length: 2"): 400,
}


class UnexpectedResponseError(Exception):
    """A response that is none of the expected ones."""


class Client(asyncio.Protocol):
    """One connection, on which requests are sent together and answered in order."""

    def __init__(self, statuses: Counter[int]) -> None:
        self._statuses = statuses
        self._data = b""
        self._awaited: list[Request] = []
        self._answered: asyncio.Future[None] | None = None
        self.lost = asyncio.get_running_loop().create_future()

    @classmethod
    async def to(cls, port: int, statuses: Counter[int]) -> Self:
        """Open a connection; `statuses` counts the statuses of its responses."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(statuses), "127.0.0.1", port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    async def exchange(self, requests: list[Request]) -> None:
        """Send requests and wait for all responses.

        Raises:
            UnexpectedResponseError: A response is not expected.
            TimeoutError: A response did not arrive in time.
        """
        self._awaited = requests[::-1]
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(b"".join([request.data for request in requests]))
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._answered

    def data_received(self, data: bytes) -> None:
        """Parse the complete responses."""
        data = self._data + data if self._data else data
        start, awaited = 0, self._awaited
        while awaited and (end := data.find(b"\r\n\r\n", start)) >= 0:
            expected = awaited[-1]
            head = data[start:end]
            stop = end + 4
            if not expected.bodiless:
                stop += int(head.split(b"\r\ncontent-length: ", 1)[1].split(b"\r", 1)[0])
            if stop > len(data):
                break
            status = int(head[9:12])
            self._statuses[status] += 1
            good = status in expected.statuses and expected.identity in head
            rejected = status == 503 and b"\r\nretry-after: 1" in head
            if not (good or rejected) or b"\r\nconnection: close" in head:
                self._end(UnexpectedResponseError(expected.data[:200], head, data[end:stop][:500]))
                return
            awaited.pop()
            start = stop
        self._data = data[start:]
        if not awaited:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            if error is None:
                self._answered.set_result(None)
            else:
                self._answered.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        remaining = [request.data[:200] for request in self._awaited]
        self._end(
            UnexpectedResponseError(
                "closed before all responses", exc, len(remaining), remaining[-1:]
            )
        )
        self.lost.set_result(None)

    async def close(self) -> None:
        """Close the connection and wait until it is closed."""
        self.transport.close()
        await self.lost

    async def reset(self) -> None:
        """Reset the connection."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self.lost


class Traffic:
    """All kinds of clients at the same time.

    Attributes:
        sent: The number of requests, without those of disconnecting clients.
        left: The number of clients that disconnected early.
        statuses: The number of responses by status.
    """

    def __init__(self, port: int, requests: Requests, draw: Random) -> None:
        self._port, self._requests, self._draw = port, requests, draw
        self._staying: list[Client] = []
        self.sent = self.left = self._until = 0
        self.statuses: Counter[int] = Counter()

    async def until(self, sent: int) -> None:
        """Run until `sent` requests are sent; the persistent clients then pause."""
        self._until = sent
        while len(self._staying) < STAYING:
            self._staying.append(await Client.to(self._port, self.statuses))
        clients: list[Coroutine[Any, Any, None]] = [
            *map(self._stay, self._staying),
            *(self._come() for _ in range(COMING)),
            *(self._leave() for _ in range(LEAVING)),
            *(self._break() for _ in range(INVALID)),
        ]
        async with asyncio.TaskGroup() as group:
            for each in clients:
                group.create_task(each)

    async def end(self) -> None:
        """Close the persistent connections."""
        for client in self._staying:
            await client.close()

    async def _stay(self, client: Client) -> None:
        while True:  # at least once, or the connection would time out
            batch = self._requests.drawn(self._draw.randint(1, MAX_PIPELINED))
            self.sent += len(batch)
            await client.exchange(batch)
            if self.sent >= self._until:
                return

    async def _come(self) -> None:
        while self.sent < self._until:
            client = await Client.to(self._port, self.statuses)
            self.sent += 1
            await client.exchange(self._requests.drawn(1))
            await client.close()

    async def _leave(self) -> None:
        while self.sent < self._until:
            client = await Client.to(self._port, self.statuses)
            batch = self._requests.drawn(self._draw.choice([1, 1, 1, 5]))
            self.left += 1
            data = b"".join(request.data for request in batch)
            whole = self._draw.random() < 0.3  # everything is sent, and no response awaited
            client.transport.write(data[: None if whole else self._draw.randrange(1, len(data))])
            await asyncio.sleep(self._draw.random() * 0.02)
            await (client.close() if self._draw.random() < 0.5 else client.reset())

    async def _break(self) -> None:
        kinds = list(BROKEN.items())
        while self.sent < self._until:
            data, status = self._draw.choice(kinds)
            self.sent += 1
            answered = await asyncio.wait_for(self._exchange(data), ANSWER_SECONDS)
            if not answered.startswith(b"HTTP/1.1 %d " % status):
                raise UnexpectedResponseError(data[:200], answered[:500])
            self.statuses[status] += 1

    async def _exchange(self, data: bytes) -> bytes:
        loop, answered = asyncio.get_running_loop(), b""
        with socket.socket() as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, ("127.0.0.1", self._port))
            with suppress(ConnectionError):
                await loop.sock_sendall(connection, data)
            with suppress(ConnectionError):
                while received := await loop.sock_recv(connection, 65536):
                    answered += received
        return answered

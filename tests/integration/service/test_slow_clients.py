"""Slow, silent and greedy clients of a real service are dropped in time; others are served."""

import asyncio
import re
import select
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

SECONDS = 60.0  # for a busy machine
SLOW = 100  # clients of each kind
HOST = b"Host: localhost\r\n"
GOOD = b"GET /health/live HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
HALF_HEAD = b"GET /health/live HTTP/1.1\r\nX-A: a"
HALF_BODY = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: 10000\r\n\r\n{"
IDLE = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
LARGE = (b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n" + HOST + b"\r\n") * 4

Serve = Callable[..., AbstractContextManager[int]]


@pytest.fixture(scope="module")
def port(serve_with: Serve) -> Iterator[int]:
    with serve_with(
        receive_timeout_seconds=2,  # also to the first byte of a client that may be starved
        send_timeout_seconds=1,
        keep_alive_seconds=1,
        max_connections=8 * SLOW,
        max_connections_per_address=0,
        access_log=False,
    ) as port:
        yield port


async def connect(port: int, *, window: int | None = None) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    if window is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    try:
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except OSError:
        connection.close()
        raise
    return connection


async def until_closed(connection: socket.socket) -> bytes:
    """Receive everything until the service closes the connection."""
    answered = bytearray()
    with suppress(ConnectionError):
        while received := await asyncio.get_running_loop().sock_recv(connection, 65536):
            answered += received
    return bytes(answered)


async def dripping(connection: socket.socket) -> None:
    """Send a byte every 0.2 s until that fails."""
    with suppress(ConnectionError):
        while True:
            await asyncio.get_running_loop().sock_sendall(connection, b"a")
            await asyncio.sleep(0.2)


async def slow(port: int, begin: bytes, *, drips: bool) -> bytes:
    with await connect(port) as connection:
        await asyncio.get_running_loop().sock_sendall(connection, begin)
        drip = asyncio.create_task(dripping(connection)) if drips else None
        answered = await until_closed(connection)
        if drip is not None:
            drip.cancel()
            await asyncio.wait([drip])
        return answered


async def slow_reader(port: int) -> bytes:
    loop = asyncio.get_running_loop()
    with await connect(port, window=2048) as connection:
        await loop.sock_sendall(connection, LARGE)
        answered = b""
        with suppress(ConnectionError):
            # Received bytes stay readable after the reset, so check for it first.
            while not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                if not (received := await loop.sock_recv(connection, 50)):
                    break  # overloaded, the service rejected the requests, then closed
                answered += received
                await asyncio.sleep(0.2)
        return answered


async def good(port: int) -> bytes:
    with await connect(port) as connection:
        await asyncio.get_running_loop().sock_sendall(connection, GOOD)
        return await until_closed(connection)


async def test_slow_clients_are_dropped_and_others_served(port: int) -> None:
    kinds: dict[str, Callable[[], Coroutine[Any, Any, bytes]]] = {
        "half head": lambda: slow(port, HALF_HEAD, drips=False),
        "dripping head": lambda: slow(port, HALF_HEAD, drips=True),
        "half body": lambda: slow(port, HALF_BODY, drips=False),
        "dripping body": lambda: slow(port, HALF_BODY, drips=True),
        "slow reader": lambda: slow_reader(port),
        "idle": lambda: slow(port, IDLE, drips=False),
        "silent": lambda: slow(port, b"", drips=False),
    }
    async with asyncio.timeout(SECONDS):
        clients = {
            kind: [asyncio.create_task(make()) for _ in range(SLOW)] for kind, make in kinds.items()
        }
        every = [client for each in clients.values() for client in each]
        served = 0
        while not all(client.done() for client in every):
            assert (await good(port)).startswith(b"HTTP/1.1 200 OK")
            served += 1
        assert served > 10
    expected = {
        "half head": {b"408"},
        "dripping head": {b"408"},
        "half body": {b"408"},
        "dripping body": {b"408"},
        "idle": {b"200"},
        "silent": set(),
    }
    for kind, each in clients.items():
        answers = [client.result() for client in each]
        if kind == "slow reader":
            assert all(len(answer) < 100_000 for answer in answers)
        else:
            found = {status for answer in answers for status in statuses(answer)}
            if kind.endswith("body"):  # so many requests may be an overload
                found -= {b"503"}
            assert found == expected[kind], kind


def statuses(answered: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d+)", answered)


async def test_a_408_is_a_problem(port: int) -> None:
    answered = await slow(port, HALF_BODY, drips=False)
    assert b"content-type: application/problem+json" in answered
    assert b"connection: close" in answered
    assert b'"detail":"The request did not arrive in time."' in answered


async def test_a_large_body_extends_the_deadline(port: int) -> None:
    loop = asyncio.get_running_loop()
    size = 20 * 64 * 1024
    head = b"POST /predict HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
    with await connect(port) as connection:
        await loop.sock_sendall(connection, head + b"Content-Length: %d\r\n\r\n" % size)
        begin = time.monotonic()
        for _ in range(20):
            await loop.sock_sendall(connection, b" " * 64 * 1024)
            await asyncio.sleep(0.15)
        assert time.monotonic() - begin > 2
        assert statuses(await until_closed(connection)) == [b"400"]  # the body is not JSON


async def test_the_client_receives_the_rejection_of_a_large_body(port: int) -> None:
    loop = asyncio.get_running_loop()
    head = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: 400000000\r\n\r\n"
    with await connect(port) as connection:
        await loop.sock_sendall(connection, head + b" " * 500_000)
        async with asyncio.timeout(SECONDS):
            assert statuses(await until_closed(connection)) == [b"413"]


async def test_a_connection_is_reused_after_the_rejection_of_a_short_body(port: int) -> None:
    loop = asyncio.get_running_loop()
    head = b"POST /nothing HTTP/1.1\r\n" + HOST + b"Content-Length: 10000\r\n\r\n"
    with await connect(port) as connection:
        await loop.sock_sendall(connection, head)
        assert statuses(await loop.sock_recv(connection, 65536)) == [b"404"]
        await loop.sock_sendall(connection, b" " * 10000 + GOOD)
        assert statuses(await until_closed(connection)) == [b"200"]


async def test_silent_connections_make_room(serve_with: Serve) -> None:
    with serve_with(max_connections=5, max_connections_per_address=3) as port:

        def held(address: str) -> socket.socket:
            return socket.create_connection(("127.0.0.1", port), SECONDS, (address, 0))

        async def get_from(address: str) -> bytes:
            with held(address) as connection:
                connection.setblocking(False)
                await asyncio.get_running_loop().sock_sendall(connection, GOOD)
                return await until_closed(connection)

        silent = [held("127.0.0.1") for _ in range(3)]
        other = [held("127.0.0.2") for _ in range(2)]
        async with asyncio.timeout(SECONDS):
            assert statuses(await get_from("127.0.0.1")) == [b"200"]
            assert silent[0].recv(1) == b""  # its address had the most connections of one address
            assert statuses(await get_from("127.0.0.3")) == [b"200"]
            more = held("127.0.0.3"), held("127.0.0.3")
            assert silent[1].recv(1) == b""  # it was the oldest
        for each in (*silent, *other, *more):
            each.close()


async def is_up(port: int) -> bool:
    try:
        return (await good(port)).startswith(b"HTTP/1.1 200 OK")
    except ConnectionRefusedError:
        return False


def count_open(connections: list[socket.socket]) -> int:
    """Count connections whose end has not arrived."""
    ended, _, _ = select.select(connections, [], [], 0)
    return len(connections) - len(ended)


async def test_connection_limits_hold_per_worker(serve_with: Serve) -> None:
    loop = asyncio.get_running_loop()
    with serve_with(workers=2, max_connections_per_address=3, keep_alive_seconds=60) as port:
        async with asyncio.timeout(SECONDS):
            while not await is_up(port):
                await asyncio.sleep(0.05)
            with ExitStack() as stack:
                held = []
                for _ in range(50):  # by then both workers have accepted
                    held.append(stack.enter_context(await connect(port)))
                    await loop.sock_sendall(held[-1], IDLE)
                    assert statuses(await loop.sock_recv(held[-1], 65536)) == [b"200"]
                while (still_open := count_open(held)) > 2 * 3:  # their ends are on the way
                    await asyncio.sleep(0.05)
        assert still_open >= 3


@pytest.mark.parametrize("begin", [HALF_HEAD, HALF_BODY])
async def test_an_incomplete_request_does_not_delay_the_shutdown(
    begin: bytes, serve_with: Serve
) -> None:
    with serve_with(receive_timeout_seconds=1000) as port:
        connection = await connect(port)
        await asyncio.get_running_loop().sock_sendall(connection, begin)
        await good(port)
        stopped = time.monotonic()
    assert time.monotonic() - stopped < 15
    with connection:
        answered = await until_closed(connection)
        assert statuses(answered) == [b"503"]


async def test_a_client_that_pauses_receives_the_whole_response(port: int) -> None:
    with await connect(port, window=2048) as connection:
        await asyncio.get_running_loop().sock_sendall(connection, LARGE)
        await asyncio.sleep(0.7)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)  # and reads fast
        answered = await until_closed(connection)
        lengths = [int(length) for length in re.findall(rb"content-length: (\d+)", answered)]
        assert len(lengths) == 4
        assert len(answered) > sum(lengths)

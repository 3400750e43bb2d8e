"""Clients that disconnect at any moment of a request: every resource of the request is released."""

import asyncio
import gc
import gzip
import json
import socket
import struct
from pathlib import Path

import pytest
from support.eventually import loop_until
from support.in_process_server import ServedHere

from model.prediction.predictor import Predictor

pytestmark = pytest.mark.anyio

ROW = [5, 1, 1, 1, 2, 1, 3, 1, 1]
AT_ONCE = 50
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: drop unsent bytes and reset


def message(rows: int) -> bytes:
    body = json.dumps({"instances": [ROW] * rows}).encode()
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


SMALL, LARGE = message(1), message(2000)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"400\r\n" + b" " * 1024 + b"\r\n") * 20


def post(path: str, body: bytes, header: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


WHOLE = post("/predict", b'{"\\u0069nstances":%b}' % json.dumps([ROW] * 2000).encode(), "A: b")
INPUT = {"name": "input", "datatype": "FP64", "shape": [2000, 9], "data": ROW * 2000}
PACKED = post(
    "/v2/models/article/infer",
    gzip.compress(json.dumps({"inputs": [INPUT]}).encode() + b" " * 10**6),
    "Content-Encoding: gzip",
)
FRAME = post("/invocations", json.dumps({"inputs": [ROW] * 2000}).encode(), "A: b")
TABLE = post(
    "/predict?errors=mark", b"[5,1,1,1,2,1,3,1,99]\n" * 5000, "Content-Type: application/x-ndjson"
)

# The bytes sent before the disconnect, and whether the client waits for the first response byte.
KINDS = {
    "before the body is complete": (SMALL[:-5], False),
    "in the middle of chunks, some of which are buffered": (CHUNKED, False),
    "while it waits": (SMALL, False),
    "while it is computed": (LARGE, False),
    "while it is answered": (LARGE, True),
    "while it is parsed as a whole": (WHOLE, False),
    "while it is decompressed": (PACKED, False),
    "while a frame is answered": (FRAME, True),
    "in the middle of a table": (TABLE[:-5], False),
    "while a table is scored": (TABLE, False),
    "while a table is answered": (TABLE, True),
}


async def leave(port: int, sent: bytes, *, reads: bool, reset: bool) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        if reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await loop.sock_sendall(connection, sent)
        if reads:
            await loop.sock_recv(connection, 1)
        elif not reset:
            await asyncio.sleep(0)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def in_flight(port: int) -> float:
    """Return the requests in flight according to /metrics, without the one for /metrics."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: text/plain;version=0.0.4\r\n"
    writer.write(request + b"Connection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    line = next(
        each for each in text.splitlines() if each.startswith("malignancy_requests_in_flight ")
    )
    return float(line.split()[1]) - 1


async def check_nothing_is_left(
    predictor: Predictor, counts: dict[str, int], *, reset_only: bool = False
) -> None:
    """Cancel the given number of requests of each kind, then check that nothing is left of them."""
    async with ServedHere(predictor, max_connections=10 * AT_ONCE).running() as served:
        context, limiter, state = served.context, served.limiter, served.server.server_state
        await in_flight(served.port)
        await loop_until(lambda: not state.connections)
        gc.collect()
        before, tasks = descriptors(), len(asyncio.all_tasks())
        for kind, count in counts.items():
            sent, reads = KINDS[kind]
            for start in range(0, count, AT_ONCE):
                numbers = range(start, min(count, start + AT_ONCE))
                some = [
                    leave(served.port, sent, reads=reads, reset=reset_only or number % 2 == 0)
                    for number in numbers
                ]
                await asyncio.gather(*some)
            await loop_until(lambda: not state.connections and not state.tasks)
        assert await in_flight(served.port) == 0
        await loop_until(lambda: not state.connections and not state.tasks)
        assert not context.admission.waiting
        assert not len(context.connections)
        assert not context.deadline_timer._connections
        assert limiter.waiting == 0
        assert limiter._turns.pop() is None
        assert context.memory.charged_bytes == 0
        await loop_until(lambda: limiter._free == 2)  # threads of cancelled requests end too
        assert not limiter._turns._favoured
        gc.collect()
        await loop_until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert descriptors() <= before


@pytest.mark.usefixtures("fresh_snapshots")
async def test_nothing_is_left_of_cancelled_requests(predictor: Predictor) -> None:
    await check_nothing_is_left(predictor, dict.fromkeys(KINDS, 100))

"""Effect of a thousand slow clients of each kind on a good client, and when they are dropped.

    python -m benchmarks.serving.slow_clients ARTIFACT

The service runs with timeouts of 5 s. The good client is a separate process that sends one
prediction after another.
"""

import asyncio
import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Event

SLOW = 1000
TIMEOUT_SECONDS = 5
ALONE_SECONDS = 5
ARRIVAL_SECONDS = 10  # during which the slow clients connect, one after another
HOST = b"Host: localhost\r\n"
LIVENESS = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
HALF_HEAD = b"GET /health/live HTTP/1.1\r\nX-A: a"
HALF_BODY = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: 10000\r\n\r\n{"
LARGE = (b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n" + HOST + b"\r\n") * 4
REJECTED = 422  # an empty object: all work of a prediction except the prediction


@contextmanager
def serving(artifact: str) -> Iterator[int]:
    """Start a service of this artifact; yield its port."""
    settings = {
        "ARTIFACT": artifact,
        "RECEIVE_TIMEOUT_SECONDS": TIMEOUT_SECONDS,
        "SEND_TIMEOUT_SECONDS": TIMEOUT_SECONDS,
        "KEEP_ALIVE_SECONDS": TIMEOUT_SECONDS,
        "MAX_CONNECTIONS": 10 * SLOW,
        "ACCESS_LOG": False,
        "LOG_FORMAT": "text",
    }
    environment = os.environ | {
        f"MALIGNANCY_{name}": str(value) for name, value in settings.items()
    }
    command = [sys.executable, "-m", "service", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        found = (re.search(r"running on http://[\d.]+:(\d+)", line) for line in process.stderr)
        port = int(next(match for match in found if match)[1])
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield port
        finally:
            process.terminate()


def predict_until(stop: Event, port: int) -> list[float]:
    """Send predictions on one connection until `stop` is set; return the seconds of each."""
    seconds = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not stop.is_set():
        start = time.perf_counter()
        connection.request("POST", "/predict", b"{}")
        answer = connection.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - start)
        assert answer.status == REJECTED, answer.status
        time.sleep(0.005)
    connection.close()
    return seconds


async def slow(port: int, begin: bytes, drip: bytes = b"", window: int = 0) -> float:
    """Run one slow client.

    Args:
        port: The service's port.
        begin: The bytes it sends first.
        drip: Bytes it sends every 0.5 s afterwards.
        window: The size of its receive buffer; above 0, the client reads 10 bytes per second.

    Returns:
        The seconds until the service dropped the connection.
    """
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        if window:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        start = time.monotonic()
        with suppress(OSError):
            await loop.sock_sendall(connection, begin)
            if window:
                while not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    await loop.sock_recv(connection, 10)
                    await asyncio.sleep(1)
            elif drip:
                while True:
                    await loop.sock_sendall(connection, drip)
                    await asyncio.sleep(0.5)
            else:
                while await loop.sock_recv(connection, 65536):
                    pass
        return time.monotonic() - start


KINDS: dict[str, Callable[[int], Awaitable[float]]] = {
    "half head": partial(slow, begin=HALF_HEAD),
    "dripping head": partial(slow, begin=HALF_HEAD, drip=b"a"),
    "half body": partial(slow, begin=HALF_BODY),
    "dripping body": partial(slow, begin=HALF_BODY, drip=b"a"),
    "slow reader": partial(slow, begin=LARGE, window=2048),
    "idle": partial(slow, begin=LIVENESS),
}


async def many_slow(port: int, kinds: Sequence[str]) -> list[float]:
    """Run SLOW clients of each kind at the same time; return the seconds until each was dropped."""

    async def one(kind: str, number: int) -> float:
        await asyncio.sleep(ARRIVAL_SECONDS * number / SLOW)
        return await KINDS[kind](port)

    return await asyncio.gather(*(one(kind, number) for kind in kinds for number in range(SLOW)))


@contextmanager
def good_client(port: int) -> Iterator[list[float]]:
    """Send predictions in another process; the list has the seconds of each after the context."""
    context, seconds = get_context("spawn"), list[float]()
    with context.Pool(1) as pool, context.Manager() as manager:
        stop = manager.Event()
        result = pool.apply_async(predict_until, (stop, port))
        yield seconds
        stop.set()
        seconds += result.get()


def p99(seconds: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return sorted(seconds)[len(seconds) * 99 // 100]


def main() -> None:
    """Measure with slow clients of each kind and of all, and without them before and after."""
    with serving(sys.argv[1]) as port:
        for name, kinds in [*((kind, [kind]) for kind in KINDS), ("all kinds", list(KINDS))]:
            with good_client(port) as before:
                time.sleep(ALONE_SECONDS)
            with good_client(port) as among:
                dropped = asyncio.run(many_slow(port, kinds))
            with good_client(port) as after:
                time.sleep(ALONE_SECONDS)
            alone, among_p99 = p99(before + after), p99(among)
            print(
                f"{name:14} {len(dropped)} dropped after {min(dropped):.1f} to {max(dropped):.1f} s"
                f"; {len(among)} responses to the good client, p99 {alone * 1e3:.1f} ms alone, "
                f"{among_p99 * 1e3:.1f} ms among them: {among_p99 / alone:.1f} ×",
                flush=True,
            )


if __name__ == "__main__":
    main()

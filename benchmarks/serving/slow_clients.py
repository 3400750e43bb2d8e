"""What good clients notice of a thousand slow ones of each kind, and whether all those are dropped.

    python -m benchmarks.serving.slow_clients ARTIFACT

The service runs with timeouts of five seconds; the good client is a process of its own, which asks
for one prediction after another.
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
ARRIVAL_SECONDS = 10  # in which the slow ones come, one after another
HOST = b"Host: localhost\r\n"
ASK = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
HALF_HEAD = b"GET /health/live HTTP/1.1\r\nX-A: a"
HALF_BODY = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: 10000\r\n\r\n{"
LARGE = (b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n" + HOST + b"\r\n") * 4
REFUSED = 422  # after all that a prediction takes but the prediction


@contextmanager
def serving(artifact: str) -> Iterator[int]:
    """The port of a service."""
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


def ask_until(stop: Event, port: int) -> list[float]:
    """The seconds that each answer took, on a connection that stays."""
    seconds = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not stop.is_set():
        begin = time.perf_counter()
        connection.request("POST", "/predict", b"{}")
        answer = connection.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - begin)
        assert answer.status == REFUSED, answer.status
        time.sleep(0.005)
    connection.close()
    return seconds


async def slow(port: int, begin: bytes, drip: bytes = b"", window: int = 0) -> float:
    """The seconds until a slow client was dropped; with a window, it hardly reads."""
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
    "idle": partial(slow, begin=ASK),
}


async def many_slow(port: int, kinds: Sequence[str]) -> list[float]:
    """Have a thousand of each kind at the same time; the seconds until each was dropped."""

    async def one(kind: str, number: int) -> float:
        await asyncio.sleep(ARRIVAL_SECONDS * number / SLOW)
        return await KINDS[kind](port)

    return await asyncio.gather(*(one(kind, number) for kind in kinds for number in range(SLOW)))


@contextmanager
def good_client(port: int) -> Iterator[list[float]]:
    """A client that asks all along; what its answers took is known afterwards."""
    context, seconds = get_context("spawn"), list[float]()
    with context.Pool(1) as pool, context.Manager() as manager:
        stop = manager.Event()
        asked = pool.apply_async(ask_until, (stop, port))
        yield seconds
        stop.set()
        seconds += asked.get()


def p99(seconds: Sequence[float]) -> float:
    """What 99 of 100 take at most."""
    return sorted(seconds)[len(seconds) * 99 // 100]


def main() -> None:
    """Measure among slow ones of each kind, and of all of them, and alone before and after."""
    with serving(sys.argv[1]) as port:
        for name, kinds in [*((kind, [kind]) for kind in KINDS), ("all of them", list(KINDS))]:
            with good_client(port) as before:
                time.sleep(ALONE_SECONDS)
            with good_client(port) as among:
                dropped = asyncio.run(many_slow(port, kinds))
            with good_client(port) as after:
                time.sleep(ALONE_SECONDS)
            usual, then = p99(before + after), p99(among)
            print(
                f"{name:14} {len(dropped)} dropped after {min(dropped):.1f} to {max(dropped):.1f} s"
                f"; {len(among)} good ones answered, p99 {usual * 1e3:.1f} ms alone, "
                f"{then * 1e3:.1f} ms among them: {then / usual:.1f} ×",
                flush=True,
            )


if __name__ == "__main__":
    main()

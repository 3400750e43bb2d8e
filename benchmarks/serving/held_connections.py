"""Good clients beside thousands of connections that are opened from one address and held.

    python -m benchmarks.serving.held_connections [ARTIFACT] [--quick] [--root OTHER_CHECKOUT]

The service runs with its default settings. The held connections are silent, or have sent half of a
head or of a body; one that the service closes is opened again after 5 s. Good clients send a single
row every 50 ms, on a new connection or on one that is older than those, from the same or from
another address; a latency counts from when the request was due. Probes are GET /health/live and
/health/ready on new connections from the same address, each every 100 ms.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from typing import cast

import uvloop

from benchmarks.harness import command_line, table
from benchmarks.harness.closed_loop import Request
from benchmarks.harness.steady import PROBES, Steady, steady

OPENED_PER_SECOND = 2500
AGAIN_SECONDS = 5
ANOTHER = "127.0.0.2"
HOST = b"Host: localhost\r\n"
KINDS = {
    "silent": b"",
    "half a head": b"GET /health/live HTTP/1.1\r\nX-A: a",
    "half a body": b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: 10000\r\n\r\n{",
}
ONE_ROW = Request("/predict", b'{"instances":[[5,1,1,1,2,1,3,1,1]]}')
GOOD = {
    "new": Steady(ONE_ROW, 0.05),
    "kept": Steady(ONE_ROW, 0.05, is_kept=True),
    "new, another": Steady(ONE_ROW, 0.05, source=ANOTHER),
    "kept, another": Steady(ONE_ROW, 0.05, is_kept=True, source=ANOTHER),
}


class _Held(asyncio.Protocol):
    """A connection that is opened again after it was closed."""

    def __init__(self, port: int, begin: bytes) -> None:
        self._port, self._begin = port, begin

    async def open(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        except OSError:
            self.connection_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._begin)

    def connection_lost(self, _error: Exception | None) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(AGAIN_SECONDS, lambda: loop.create_task(self.open()))


async def _hold(pipe: Pipe, port: int, begin: bytes, count: int) -> None:
    """Open the connections, send an empty message, and hold them for ever."""
    for number in range(count):
        held = _Held(port, begin)
        asyncio.get_running_loop().call_later(
            number / OPENED_PER_SECOND, asyncio.ensure_future, held.open()
        )
    await asyncio.sleep(count / OPENED_PER_SECOND)
    pipe.send(None)
    await asyncio.Event().wait()


def _process(pipe: Pipe, port: int, begin: bytes, count: int) -> None:
    uvloop.run(_hold(pipe, port, begin, count))


@contextmanager
def holding(port: int, begin: bytes, count: int) -> Iterator[None]:
    """Hold connections from another process during the context.

    Args:
        port: The server's port.
        begin: What each connection sends.
        count: The number of connections.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_process, args=(theirs, port, begin, count), daemon=True)
    process.start()
    try:
        if not ours.poll(30):
            print("  (the connections were not all opened within 30 s)")
        yield
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Print a table for each number of connections."""
    chosen = command_line.parser(__doc__).parse_args()
    seconds = 3.0 if chosen.quick else 40.0
    with command_line.serving(chosen) as running:
        with steady(running.port, GOOD | PROBES) as idle:
            time.sleep(3)
        columns = [column for name in idle for column in (name, "")]
        for count in (1000, 5000):
            rows = list[tuple[str, list[float]]]()
            for name, begin in KINDS.items():
                # The good clients come first, so that the kept connections are older.
                hold = holding(running.port, begin, count)
                with steady(running.port, GOOD | PROBES) as among, hold:
                    time.sleep(seconds)
                row = list[float]()
                for each, answers in among.items():
                    row += [100 * answers.share, answers.quantile(0.99) / idle[each].quantile(0.99)]
                rows.append((name, row))
            title = f"{count:,} held connections: % of requests answered, p99 ÷ idle p99"
            table.show(title, columns, rows)


if __name__ == "__main__":
    main()

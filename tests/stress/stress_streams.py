"""Generated tables of 512 MiB are scored or rejected in constant memory. Linux only."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from support.resource_usage import taken_bytes

from model.prediction.predictor import Predictor

STREAM_BYTES = 512 * 1024**2
WARM_BYTES = 50 * 1024**2
MAX_GROWTH_BYTES = 32 * 1024**2
ROWS = 50_000
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
Start = Callable[..., AbstractContextManager[tuple[int, int]]]


def chunks(names: tuple[str, ...], size: int) -> Iterator[bytes]:
    """Yield a table of about `size` bytes: the header, then chunks of ROWS rows."""
    yield (",".join(names) + "\n").encode()
    chunk = b"5,1,1,1,2,1,3,1,1\n" * ROWS
    for _ in range(size // len(chunk)):
        yield chunk


def table_bytes(names: tuple[str, ...], size: int) -> int:
    return sum(map(len, chunks(names, size)))


class Answer:
    """A response that is read in a thread: its status and its number of lines."""

    def __init__(self, connection: socket.socket) -> None:
        self.head = b""
        self.lines = 0
        self._connection = connection
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        with suppress(ConnectionError):
            while received := self._connection.recv(1 << 20):
                self.head = (self.head + received)[:2000] if len(self.head) < 2000 else self.head
                self.lines += received.count(b"\n")

    @property
    def status(self) -> int:
        return int(self.head[9:12])


class Peak:
    """The peak anonymous memory of a process within the context."""

    def __init__(self, process: int) -> None:
        self._process, self._end = process, threading.Event()
        self.bytes = taken_bytes(process)
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.2):
            self.bytes = max(self.bytes, taken_bytes(self._process))


def exchange(port: int, names: tuple[str, ...], size: int, *, chunked: bool) -> Answer:
    with socket.create_connection(("127.0.0.1", port), 600) as connection:
        answer = Answer(connection)
        framing = b"Transfer-Encoding: chunked\r\n"
        if not chunked:
            framing = b"Content-Length: %d\r\n" % table_bytes(names, size)
        with suppress(ConnectionError):  # rejected, and closed after a while
            connection.sendall(HEAD + framing + b"Connection: close\r\n\r\n")
            for chunk in chunks(names, size):
                connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            if chunked:
                connection.sendall(b"0\r\n\r\n")
        answer.thread.join(600)
        assert not answer.thread.is_alive()
        return answer


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(
    "max_bytes", [STREAM_BYTES // 2, 2 * STREAM_BYTES], ids=["rejected", "scored"]
)
def test_memory_is_constant(
    max_bytes: int,
    *,
    chunked: bool,
    predictor: Predictor,
    artifact_path: Path,
    start_service: Start,
    figures: Callable[[str], None],
) -> None:
    names = predictor.schema.names
    with start_service(artifact_path, max_stream_bytes=max_bytes) as (port, process):
        for _ in range(2):  # the memory of the first tables stays
            warm = exchange(port, names, WARM_BYTES, chunked=chunked)
            assert warm.status == 200
        before = taken_bytes(process)
        with Peak(process) as peak:
            answer = exchange(port, names, STREAM_BYTES, chunked=chunked)
        grown = peak.bytes - before
        assert grown < MAX_GROWTH_BYTES
        if max_bytes < STREAM_BYTES:
            assert answer.status == 413
        else:
            assert answer.status == 200
            length = re.search(rb"content-length: (\d+)", answer.head)
            assert length is not None
            rows = sum(1 for _ in chunks(names, STREAM_BYTES)) - 1
            head_lines = answer.head.partition(b"\r\n\r\n")[0].count(b"\n") + 2
            assert answer.lines - head_lines == rows * ROWS + 1
        assert exchange(port, names, 1_000_000, chunked=chunked).status == 200
    memory = f"{before / 1e6:.0f} MB before and {grown / 1e6:.1f} more"
    figures(f"{STREAM_BYTES >> 20} MiB: {answer.status}, {answer.lines} lines answered, {memory}")

"""In a control group of 512 MiB, no mixture of clients gets the service killed.

All clients that make a buffer grow come at once: bodies of 16 MiB, unfinished tables and batches,
answers that are not read, compressed bodies, and answers in temporary files, which are in memory.
"""

import gzip
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.control_group import limited_memory
from support.eventually import until
from support.service_process import Service

from model.prediction.predictor import Predictor
from service.overload.budgets import MIB

pytestmark = [pytest.mark.slow, pytest.mark.process]

LIMIT_BYTES = 512 * MIB
MAX_RESIDENT_BYTES = 480 * 10**6
SECONDS = 20.0
ROW = b"[5,1,1,1,2,1,3,1,1]"
FINE = {200, 413, 503, 507}


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def start_of_stream(path: str, content_type: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Clients:
    """Clients of one service, each with a thread and a connection.

    Attributes:
        statuses: Number of answers by kind of client and status.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._threads: list[threading.Thread] = []
        self._end = threading.Event()
        self.statuses: Counter[tuple[str, int]] = Counter()

    def add(
        self, kind: str, count: int, data: Callable[[], Iterator[bytes]], *, read: bool
    ) -> None:
        """Start clients.

        Args:
            kind: Name of the kind of client.
            count: Number of clients.
            data: Returns what each sends.
            read: Whether each reads its whole answer, and then sends again.
        """
        for _ in range(count):
            thread = threading.Thread(target=self._run, args=(kind, data, read))
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self, kind: str, data: Callable[[], Iterator[bytes]], read: bool) -> None:
        while not self._end.is_set():
            with suppress(OSError), socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.settimeout(SECONDS)
                connection.connect(("127.0.0.1", self._port))
                for part in data():
                    if self._end.is_set():
                        return
                    connection.sendall(part)
                answer = connection.recv(65536 if read else 64)
                if status := re.match(rb"HTTP/1\.1 (\d{3})", answer):
                    self.statuses[kind, int(status[1])] += 1
                if not read:
                    self._end.wait()
                while read and connection.recv(65536) and not self._end.is_set():
                    pass
            self._end.wait(0.1)


def resident_bytes(pid: int, key: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition(f"{key}:")[2].split()[0]) * 1024


def gauge(service: Service, name: str) -> float:
    with service.connect() as connection:
        connection.sendall(
            b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            b"Accept: text/plain;version=0.0.4\r\n\r\n"
        )
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found
    return float(found[1])


def hostile_clients(clients: Clients, predictor: Predictor) -> None:
    names = predictor.schema.names
    row = json.dumps(dict(zip(names, [5, 1, 1, 1, 2, 1, 3, 1, 1], strict=True))).encode()
    count = (16 * MIB - 100) // (len(row) + 1)
    close = "Connection: close"
    large = post("/predict", b'{"instances":[%b]}' % b",".join([row] * count), close)
    odd = post("/predict", b'{"\\u0069nstances":[%b]}' % b",".join([row] * count), close)
    frame = post("/invocations", b'{"inputs":[%b]}' % b",".join([row] * count), close)
    flat = b"5,1,1,1,2,1,3,1,1," * 50_000
    tensor = b'{"inputs":[{"name":"input","datatype":"FP64","shape":[50000,9],"data":[%b]}]}'
    plain = tensor % flat[:-1]
    packed = gzip.compress(plain + b" " * (16 * MIB - len(plain)), 9)
    inflated = post(f"/v2/models/{predictor.name}/infer", packed, "Content-Encoding: gzip", close)
    answered_body = b'{"instances":[%b]}' % b",".join([ROW] * 100_000)
    answered = post("/predict", answered_body)
    header = ",".join(names).encode() + b"\n"
    table = gzip.compress(header + b"5,1,1,1,2,1,3,1,1\n" * 1_000_000)
    packed_table = post(
        "/predict", table, "Content-Type: text/csv", "Content-Encoding: gzip", close
    )
    packed_answer = post("/predict", answered_body, "Accept-Encoding: gzip")

    def bad_rows() -> Iterator[bytes]:
        yield start_of_stream("/predict?on_error=mark", "text/csv") + chunk(header)
        for _ in range(2000):
            yield chunk(b"55,55,55,55,55,55,55,55,55\n" * 2000)

    def good_rows() -> Iterator[bytes]:
        yield start_of_stream("/predict", "text/csv") + chunk(header)
        for _ in range(2000):
            yield chunk(b"5,1,1,1,2,1,3,1,1\n" * 3000)

    def stalled_table() -> Iterator[bytes]:
        yield start_of_stream("/predict", "text/csv") + chunk(header)
        for _ in range(30):
            yield chunk(b"5,1,1,1,2,1,3,1,1\n" * 3000)
        time.sleep(SECONDS)

    def stalled_body() -> Iterator[bytes]:
        yield large[:-100]
        time.sleep(SECONDS)

    def stalled_batch() -> Iterator[bytes]:
        import pyarrow as pa

        batch = pa.record_batch({name: [1.0] * 200_000 for name in names})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content = sink.getvalue().to_pybytes()
        yield start_of_stream("/predict", "application/vnd.apache.arrow.stream")
        yield chunk(content[:-1000])
        time.sleep(SECONDS)

    for kind, data in {"large": large, "odd": odd, "frame": frame}.items():
        clients.add(kind, 10, lambda data=data: iter([data]), read=True)  # type: ignore[misc]
    clients.add("inflated", 30, lambda: iter([inflated]), read=True)
    clients.add("packed table", 10, lambda: iter([packed_table]), read=True)
    clients.add("packed answer", 20, lambda: iter([packed_answer]), read=False)
    clients.add("not read", 50, lambda: iter([answered]), read=False)
    clients.add("bad rows", 5, bad_rows, read=True)
    clients.add("good rows", 5, good_rows, read=True)
    clients.add("stalled table", 30, stalled_table, read=True)
    clients.add("stalled body", 20, stalled_body, read=True)
    if find_spec("pyarrow"):
        clients.add("stalled batch", 30, stalled_batch, read=True)


def test_all_that_grows_at_once(
    wisconsin: Predictor, wisconsin_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        processes = stack.enter_context(limited_memory(LIMIT_BYTES))
        if Path("/dev/shm").is_dir():  # files count as memory there
            folder = stack.enter_context(TemporaryDirectory(dir="/dev/shm"))
            monkeypatch.setenv("TMPDIR", folder)
        service = stack.enter_context(Service(wisconsin_path, tmp_path / "log.txt"))
        processes.write_text(str(service.pid))
        service.until_ready()
        clients = Clients(service.port)
        charged: list[float] = []
        try:
            hostile_clients(clients, wisconsin)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                assert service.process.poll() is None, "the service was killed"
                assert service.status("/health/live") == 200
                charged.append(gauge(service, "malignancy_memory_charged_bytes"))
                time.sleep(0.2)
        finally:
            clients.stop()
        print(clients.statuses, max(charged), resident_bytes(service.pid, "VmHWM"))
        assert service.process.poll() is None
        assert {status for _, status in clients.statuses} <= FINE
        assert {200, 503} <= {status for _, status in clients.statuses}
        assert max(charged) > 64 * MIB
        assert resident_bytes(service.pid, "VmHWM") <= MAX_RESIDENT_BYTES
        until(lambda: gauge(service, "malignancy_memory_charged_bytes") == 0)
        until(lambda: gauge(service, "malignancy_spool_charged_bytes") == 0)
        with service.connect() as connection:
            connection.sendall(post("/predict", b'{"instances":[%b]}' % ROW))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")

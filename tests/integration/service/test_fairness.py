"""Endless tables leave time to other requests, and go on."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.eventually import until
from support.service_process import Service, running_service

STREAMS = 5
SECONDS = 20.0  # for one request on a busy machine; alone, it takes some milliseconds
NAMES = (
    "clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    "single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses\n"
)
ROW = "5,1,1,1,2,1,3,1,1\n"
ROWS = json.dumps({"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]] * 2000})
ONE = json.dumps({"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]})
BATCHES = {
    "JSON, 2 000 rows": ("/predict", "application/json", ROWS),
    "CSV, 2 000 rows": ("/predict", "text/csv", NAMES + ROW * 2000),
    "CSV, one row": ("/predict", "text/csv", NAMES + ROW),
    "/invocations": ("/invocations", "application/json", ONE),
    "JSON, one row": ("/predict", "application/json", ONE),
}


class Streams:
    """Endless tables, with marked rows."""

    def __init__(self, service: Service, rows: bytes) -> None:
        self.sent = [0] * STREAMS
        self.failures: list[bytes] = []
        self._stop = threading.Event()
        self._service, self._rows = service, rows
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(STREAMS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        head = b"POST /predict?on_error=mark HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
        chunk = b"%x\r\n%b\r\n" % (len(self._rows), self._rows)
        with self._service.connect() as connection:
            connection.settimeout(0.2)
            names = NAMES.encode()
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            connection.sendall(b"%x\r\n%b\r\n" % (len(names), names))
            while not self._stop.is_set():
                left = memoryview(chunk)
                while left and not self._stop.is_set():
                    try:
                        sent = connection.send(left)
                    except TimeoutError:
                        continue
                    except OSError:
                        self.failures.append(connection.recv(300))
                        return
                    left = left[sent:]
                    self.sent[number] += sent


@pytest.fixture(scope="module")
def service(artifact_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with running_service(artifact_path, log) as service:
        yield service


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("rows", [ROW.encode() * 3600, b",,,,,,,,\n" * 3600])
def test_endless_tables_do_not_keep_others_from_being_answered(
    service: Service, rows: bytes, figures: Callable[[str], None]
) -> None:
    streams = Streams(service, rows)
    try:
        until(lambda: min(streams.sent) > 4 * len(rows))
        before, slowest = list(streams.sent), dict.fromkeys(BATCHES, 0.0)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SECONDS)
        for name, (path, media_type, body) in BATCHES.items():
            for _ in range(10):
                start = time.perf_counter()
                connection.request("POST", path, body, {"Content-Type": media_type})
                answer = connection.getresponse()
                detail = answer.read()[:300]
                slowest[name] = max(slowest[name], time.perf_counter() - start)
                assert (name, answer.status) == (name, 200), detail
        connection.close()
        until(lambda: all(now > then for now, then in zip(streams.sent, before, strict=True)))
    finally:
        streams.end()
    assert not streams.failures
    worst = max(slowest.values())
    figures(f"with {STREAMS} endless tables, the slowest answer took {worst * 1e3:.0f} ms")
    assert worst < 3.0  # for ever, if the threads were not shared; 0.5 to 1 s on two cores

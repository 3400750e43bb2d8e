"""The shutdown of service processes: signals, drain, close, and no lost request."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.eventually import until
from support.paths import ROOT
from support.service_process import HOST, Service, answer, status_of
from support.shutdown_clients import GRACE_SECONDS, LATEST_SECONDS, PREDICT, ROWS, Load

READINESS = [
    "/health",
    "/health/ready",
    "/v2/health/ready",
    "/v2/models/article/ready",
    "/ping",
]
ONE = PREDICT + b"\r\n" + ROWS

Start = Callable[..., AbstractContextManager[Service]]
both = pytest.mark.parametrize("workers", [1, 2], ids=["one-worker", "two-workers"])


@pytest.fixture
def start(artifact_path: Path, tmp_path: Path) -> Start:
    return partial(Service, artifact_path, tmp_path / "log.txt")


@both
def test_the_service_drains_before_it_closes(start: Start, workers: int) -> None:
    with start(workers=workers, drain_seconds=1000) as service:
        service.until_ready(workers)
        with service.connect() as kept:
            kept.sendall(ONE)
            assert b"connection: close" not in (answer(kept) or b"")
            service.send_signal_to_group(signal.SIGINT)  # as Ctrl-C, which workers receive too
            until(lambda: service.status("/health/ready") == 503)
            for _ in range(4 * workers):  # any worker may answer
                assert {service.status(path) for path in READINESS} == {503}
                live = service.get("/health/live")
                assert (status_of(live), b"connection: close" in live) == (200, True)
            with service.connect() as new:
                new.sendall(ONE)
                assert status_of(answer(new)) == 200
                assert answer(new) is None
            kept.sendall(ONE)
            last = answer(kept) or b""
            assert (status_of(last), b"connection: close" in last) == (200, True)
        begin = time.monotonic()
        service.send_signal_to_group(signal.SIGTERM)
        assert service.end() == 0
        assert time.monotonic() - begin < LATEST_SECONDS
        assert service.get("/health/live") == b""


def test_the_drain_ends(start: Start) -> None:
    with start(drain_seconds=1) as service:
        service.until_ready()
        begin = time.monotonic()
        service.send_signal(signal.SIGTERM)
        assert service.end(GRACE_SECONDS) == 0
        assert time.monotonic() - begin >= 1


@both
def test_connections_in_the_accept_queue_are_answered(start: Start, workers: int) -> None:
    with start(workers=workers) as service, ExitStack() as held:
        service.until_ready(workers)
        idle = [held.enter_context(service.connect()) for _ in range(10)]
        for connection in idle:
            connection.sendall(ONE)
            assert status_of(answer(connection)) == 200
        service.send_signal_to_group(signal.SIGSTOP)
        with service.connect() as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset
        new = [held.enter_context(service.connect()) for _ in range(50)]
        for connection in (*new, *idle):
            connection.sendall(ONE)
        service.send_signal(signal.SIGTERM)
        service.send_signal_to_group(signal.SIGCONT)
        assert [status_of(answer(connection)) for connection in new] == [200] * 50
        assert [status_of(answer(connection)) for connection in idle] == [200] * 10
        assert service.end(GRACE_SECONDS) == 0


@both
def test_pipelined_requests_are_all_answered(start: Start, workers: int) -> None:
    with start(workers=workers) as service:
        service.until_ready(workers)
        with service.connect() as connection:
            service.send_signal_to_group(signal.SIGSTOP)
            connection.sendall(20 * ONE)
            service.send_signal(signal.SIGTERM)
            service.send_signal_to_group(signal.SIGCONT)
            received = b""
            while more := connection.recv(65536):
                received += more
        assert received.count(b"HTTP/1.1 200 OK") == 20
        # Only the last response may close the connection.
        assert b"connection: close" not in received.rpartition(b"HTTP/1.1 200 OK")[0]
        assert service.end(GRACE_SECONDS) == 0


@both
def test_no_request_is_lost_behind_a_load_balancer(start: Start, workers: int) -> None:
    with start(workers=workers, drain_seconds=1000) as service:
        service.until_ready(workers)
        with (
            Load(service.port, 3, kept_alive=False) as single,
            Load(service.port, 3, kept_alive=True) as kept,
        ):
            until(lambda: min(single.answered[200], kept.answered[200]) > 50)
            service.send_signal(signal.SIGTERM)
            until(lambda: service.status("/health/ready") == 503)
            more = single.answered[200] + 50, kept.answered[200] + 50
            until(lambda: single.answered[200] > more[0] and kept.answered[200] > more[1])
        service.send_signal(signal.SIGTERM)  # ends the drain
        assert service.end(GRACE_SECONDS) == 0
    for load in (single, kept):
        assert (set(load.answered), load.lost, load.refused) == ({200}, [], 0)


def test_incomplete_requests_are_answered_or_rejected_in_time(start: Start) -> None:
    with start(receive_timeout_seconds=1000) as service, ExitStack() as held:
        service.until_ready()
        halves = [ONE[:9], ONE[:-9], ONE[: len(PREDICT) - 4]]
        completed, stalled = (
            [held.enter_context(service.connect()) for _ in halves] for _ in range(2)
        )
        for connections in (completed, stalled):
            for connection, half in zip(connections, halves, strict=True):
                connection.sendall(half)
        assert service.status("/health/live") == 200
        begin = time.monotonic()
        service.send_signal(signal.SIGTERM)
        until(lambda: service.get("/health/live") == b"")
        time.sleep(1)  # idle connections would be closed by now
        for connection, half in zip(completed, halves, strict=True):
            connection.sendall(ONE[len(half) :])
            assert status_of(answer(connection)) == 200
        assert [status_of(answer(connection)) for connection in stalled] == [503] * 3
        assert service.end(GRACE_SECONDS) == 0
        assert time.monotonic() - begin < LATEST_SECONDS


def test_a_client_that_does_not_read_does_not_delay_the_shutdown(start: Start) -> None:
    with start() as service, socket.socket() as connection:
        service.until_ready()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", service.port))
        large = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n" + HOST + b"\r\n"
        connection.sendall(8 * large)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        begin = time.monotonic()
        service.send_signal(signal.SIGTERM)
        assert service.end() == 0
        assert 2 < time.monotonic() - begin < LATEST_SECONDS


def test_a_second_ctrl_c_ends_the_process_at_once(start: Start) -> None:
    with start() as service:
        service.until_ready()
        with service.connect() as connection:
            connection.sendall(ONE[:-9])
            assert service.status("/health/live") == 200
            begin = time.monotonic()
            service.send_signal(signal.SIGINT)
            until(lambda: service.get("/health/live") == b"")
            service.send_signal(signal.SIGINT)
            assert service.end() == 0
            assert time.monotonic() - begin < GRACE_SECONDS / 2


def test_a_stopped_worker_is_replaced(start: Start) -> None:
    with start(workers=2, drain_seconds=0.1) as service:
        service.until_ready(2)
        workers = re.findall(r"Started server process \[(\d+)\]", service.log.read_text())
        with (
            Load(service.port, 3, kept_alive=False) as single,
            Load(service.port, 3, kept_alive=True) as kept,
        ):
            os.kill(int(workers[0]), signal.SIGTERM)
            until(lambda: service.log.read_text().count("startup complete") == 3)
        for load in (single, kept):
            assert (set(load.answered), load.lost, load.refused) == ({200}, [], 0)
        (exited,) = events(service.log, "worker_exited")
        assert (exited["worker_pid"], exited["exit_code"]) == (int(workers[0]), 0)
        service.send_signal(signal.SIGTERM)
        assert service.end(GRACE_SECONDS) == 0


def events(log: Path, name: str) -> list[dict[str, Any]]:
    """Return the log lines of an event."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def handles(pid: int, number: signal.Signals) -> bool:
    """Return True if the process blocks, ignores or catches a signal."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    masks = re.findall(r"Sig(?:Blk|Ign|Cgt):\t(\w+)", status)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@both
def test_sighup_is_harmless_at_any_time(start: Start, workers: int) -> None:
    sent = 0

    def storm(service: Service, seconds: float) -> None:
        nonlocal sent
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            service.send_signal_to_group(signal.SIGHUP)
            sent += 1
            time.sleep(0.0005)

    def ready(service: Service) -> bool:
        storm(service, 0.05)
        return service.log.read_text().count("startup complete") == workers

    with start(workers=workers, drain_seconds=1) as service:
        until(lambda: handles(service.pid, signal.SIGHUP))
        until(lambda: ready(service))
        service.until_ready(workers)
        with Load(service.port, 3, kept_alive=True) as load:
            storm(service, 1)
            until(lambda: load.answered[200] > 50)
        assert (set(load.answered), load.lost) == ({200}, [])
        service.send_signal(signal.SIGTERM)
        while service.process.poll() is None:
            storm(service, 0.05)
        assert service.end() == 0
    assert sent > 500
    assert "Traceback" not in service.log.read_text()
    assert "worker_exited" not in service.log.read_text()


def test_a_stalled_reader_of_the_log_blocks_no_request(artifact_path: Path) -> None:
    read, write = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-m", "service", "--port", str(port), "--artifact", str(artifact_path)],
        cwd=ROOT,
        stderr=write,
    ) as process:
        os.close(write)
        with Load(port, 3, kept_alive=True) as load:
            until(lambda: load.answered[200] > 1000)  # a pipe holds about 200 lines
        assert (set(load.answered), load.lost) == ({200}, [])
        process.send_signal(signal.SIGTERM)
        assert process.wait(GRACE_SECONDS) == 0
    os.close(read)


@pytest.mark.parametrize("listens", [True, False])
def test_a_dead_collector_does_not_delay_the_shutdown(start: Start, listens: bool) -> None:
    pytest.importorskip("opentelemetry.sdk.trace", reason="the extra tracing is not installed")
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.MonkeyPatch.context() as patch:
        port = mute.getsockname()[1]
        if not listens:
            mute.close()
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        with start() as service:
            service.until_ready()
            assert service.status("/model") == 200
            begin = time.monotonic()
            service.send_signal(signal.SIGTERM)
            assert service.end() == 0
            assert time.monotonic() - begin < GRACE_SECONDS / 2
            assert "spans_lost" in service.log.read_text()

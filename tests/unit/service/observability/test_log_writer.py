"""Tests of service.observability.log_writer: order, whole lines, drops, and the last lines."""

import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
from support.background_failures import failures
from support.paths import ROOT

from model.prediction.predictor import Predictor
from service.app import create_app
from service.observability import log_writer
from service.observability.log_writer import (
    BATCH_LINES,
    FLUSH_SECONDS,
    MAX_BUFFERED_LINES,
    LogWriter,
)
from service.settings import Settings

LINES = [b"%d\n" % number for number in range(3000)]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)


def read_until(read: int, last: bytes) -> bytes:
    received = b""
    while not received.endswith(last):
        assert select.select([read], [], [], 30)[0]
        received += os.read(read, 65536)
    return received


def test_lines_arrive_in_order(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LogWriter(write)
    for part in (LINES[:1], LINES[1:]):
        for line in part:
            writer.put(line)
        assert read_until(read, part[-1]) == b"".join(part)


def test_lines_of_several_writers_stay_whole(pipe: tuple[int, int]) -> None:
    read, write = pipe
    expected = []
    for letter in (b"a", b"b", b"c"):
        writer = LogWriter(write)
        for number in range(MAX_BUFFERED_LINES // 10):
            expected.append(letter * (100 + number) + b"\n")
            writer.put(expected[-1])
    received = b""
    while len(received) < len(b"".join(expected)):
        assert select.select([read], [], [], 30)[0]
        received += os.read(read, 5000)
    assert sorted(received.splitlines(keepends=True)) == sorted(expected)


def test_lines_of_several_threads(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LogWriter(write)

    def put() -> None:
        for line in LINES[:500]:
            writer.put(line)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.put(b"end\n")
    assert sorted(read_until(read, b"end\n").splitlines(True)) == sorted(
        4 * LINES[:500] + [b"end\n"]
    )


def test_a_stalled_reader_loses_lines_and_does_not_block(
    pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    read, write = pipe
    writer = LogWriter(write)
    dropped = 0

    def drop() -> None:
        nonlocal dropped
        dropped += 1

    writer.on_drop = drop
    line = 999 * b"a" + b"\n"
    for _ in range(MAX_BUFFERED_LINES + 5000):
        writer.put(line)
    begin = time.monotonic()
    writer.flush()
    assert FLUSH_SECONDS <= time.monotonic() - begin < FLUSH_SECONDS + 5
    assert 0 < dropped <= 5000
    with caplog.at_level(logging.WARNING):
        unread = (MAX_BUFFERED_LINES + 5000 - dropped) * len(line)
        while unread:
            unread -= len(os.read(read, min(unread, 1 << 20)))
        deadline = time.monotonic() + 30
        while not caplog.messages:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert caplog.messages == ["log_lines_dropped"]
    assert vars(caplog.records[0])["lines"] == dropped
    writer.put(b"next\n")
    assert read_until(read, b"next\n") == b"next\n"


def test_a_non_blocking_pipe_and_a_closed_reader(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.set_blocking(write, False)
    writer = LogWriter(write)
    long = 200_000 * b"a" + b"\n"
    writer.put(long)
    assert read_until(read, b"\n") == long
    closed, end = os.pipe()
    os.close(closed)
    writer = LogWriter(end)
    writer.put(long)
    begin = time.monotonic()
    writer.flush()
    assert time.monotonic() - begin < FLUSH_SECONDS + 5
    os.close(end)


def test_an_exception_does_not_end_the_writer(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = pipe
    monkeypatch.setattr("service.backoff.FIRST_SECONDS", 0.001)
    failing, failed = [MemoryError(), ValueError(), OSError()], threading.Event()

    def write_or_fail(descriptor: int, data: memoryview) -> int:
        if failing:
            failed.set()
            raise failing.pop(0)
        return os.write(descriptor, data)

    monkeypatch.setattr(log_writer, "os", SimpleNamespace(write=write_or_fail))
    writer = LogWriter(write)
    before = failures("log_writer")
    for line in (b"lost\n", b"lost too\n", b"dropped\n", b"last\n"):
        failed.clear()
        writer.put(line)
        assert not failing or failed.wait(30)
    assert read_until(read, b"last\n") == b"last\n"
    assert failures("log_writer") == before + 2  # an OSError is the reader's


def test_functions_are_called_in_the_thread_of_the_writer(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LogWriter(write)
    failed = failures("log_writer")
    names = []

    def line() -> bytes:
        names.append(threading.current_thread().name)
        return b"made\n"

    def broken() -> bytes:
        raise MemoryError

    for each in (b"first\n", line, broken, line, b"last\n"):
        writer.put(each)
    assert read_until(read, b"last\n") == b"first\nmade\nmade\nlast\n"
    assert names == ["log", "log"]
    assert failures("log_writer") == failed + 1


def test_many_lines_do_not_wait(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = pipe
    monkeypatch.setattr(log_writer, "BATCH_SECONDS", 1000)
    writer = LogWriter(write)
    for line in LINES:
        writer.put(line)
    received = b""
    while received.count(b"\n") < len(LINES) - BATCH_LINES:
        assert select.select([read], [], [], 30)[0]
        received += os.read(read, 65536)
    writer.flush()
    if not received.endswith(LINES[-1]):
        received += read_until(read, LINES[-1])
    assert received == b"".join(LINES)


@pytest.mark.parametrize("end", ["", "raise RuntimeError('the end')", "sys.exit(3)"])
def test_the_last_lines_are_written_at_every_kind_of_exit(end: str) -> None:
    program = (
        "import logging, sys\n"
        "from service.observability.log_writer import LogWriter\n"
        "from service.observability.access_log import access_log\n"
        "from service.observability.logging import configure_logging\n"
        "from service.request_context import RequestContext\n"
        "writer = LogWriter(2)\n"
        "configure_logging('info', 'json', writer)\n"
        "log = access_log('info', 'json', writer)\n"
        "for number in range(2000):\n"
        "    log(RequestContext(str(number), route='/predict'), 'GET', 200, 0.1)\n"
        "logging.getLogger('any').warning('last')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program + end], cwd=ROOT, capture_output=True, check=False
    )
    assert ended.stderr.count(b'"event":"request"') == 2000
    assert ended.stderr.count(b'"event": "last"') == 1
    assert ended.returncode == {"": 0, "sys.exit(3)": 3}.get(end, 1)


@pytest.mark.anyio
@pytest.mark.usefixtures("fresh_snapshots")
async def test_dropped_lines_are_counted(predictor: Predictor, pipe: tuple[int, int]) -> None:
    writer = LogWriter(pipe[1])
    transport = httpx.ASGITransport(create_app(Settings(), predictor, log_writer=writer))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for count in ("0.0", "1.0"):
            scraped = await client.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"})
            assert f"\nmalignancy_log_lines_dropped_total {count}\n" in scraped.text
            writer.on_drop()

"""Lines are written by a thread, in order, and none of it waits."""

import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from support.paths import ROOT

from model.prediction.predictor import Predictor
from service.app import create_app
from service.observability.log_writer import FLUSH_SECONDS, MAX_BUFFERED_LINES, LogWriter
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


def test_lines_arrive_in_order_and_soon(pipe: tuple[int, int]) -> None:
    read, write = pipe
    lines = LogWriter(write)
    for part in (LINES[:1], LINES[1:]):
        for line in part:
            lines.put(line)
        assert read_until(read, part[-1]) == b"".join(part)


def test_lines_of_several_writers_stay_whole(pipe: tuple[int, int]) -> None:
    read, write = pipe
    expected = []
    for letter in (b"a", b"b", b"c"):
        lines = LogWriter(write)
        for number in range(MAX_BUFFERED_LINES // 10):
            expected.append(letter * (100 + number) + b"\n")
            lines.put(expected[-1])
    received = b""
    while len(received) < len(b"".join(expected)):
        assert select.select([read], [], [], 30)[0]
        received += os.read(read, 5000)
    assert sorted(received.splitlines(keepends=True)) == sorted(expected)


def test_lines_of_several_threads(pipe: tuple[int, int]) -> None:
    read, write = pipe
    lines = LogWriter(write)

    def put() -> None:
        for line in LINES[:500]:
            lines.put(line)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.put(b"end\n")
    assert sorted(read_until(read, b"end\n").splitlines(True)) == sorted(
        4 * LINES[:500] + [b"end\n"]
    )


def test_a_stalled_reader_costs_lines_and_no_time(
    pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    read, write = pipe
    lines = LogWriter(write)
    dropped = 0

    def drop() -> None:
        nonlocal dropped
        dropped += 1

    lines.on_drop = drop
    line = 999 * b"a" + b"\n"
    for _ in range(MAX_BUFFERED_LINES + 5000):
        lines.put(line)
    begin = time.monotonic()
    lines.flush()
    assert FLUSH_SECONDS <= time.monotonic() - begin < FLUSH_SECONDS + 5
    assert 0 < dropped <= 5000
    with caplog.at_level(logging.WARNING):
        left = (MAX_BUFFERED_LINES + 5000 - dropped) * len(line)
        while left:
            left -= len(os.read(read, min(left, 1 << 20)))
        deadline = time.monotonic() + 30
        while not caplog.messages:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert caplog.messages == ["log_lines_dropped"]
    assert vars(caplog.records[0])["lines"] == dropped
    lines.put(b"one more\n")
    assert read_until(read, b"more\n") == b"one more\n"


def test_a_reader_who_left_and_a_pipe_that_does_not_block(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.set_blocking(write, False)
    lines = LogWriter(write)
    long = 200_000 * b"a" + b"\n"
    lines.put(long)
    assert read_until(read, b"\n") == long
    gone, end = os.pipe()
    os.close(gone)
    lines = LogWriter(end)
    lines.put(long)
    begin = time.monotonic()
    lines.flush()
    assert time.monotonic() - begin < FLUSH_SECONDS + 5
    os.close(end)


@pytest.mark.parametrize("end", ["", "raise RuntimeError('the end')", "sys.exit(3)"])
def test_the_last_lines_are_written_however_it_ends(end: str) -> None:
    program = (
        "import logging, sys\n"
        "from service.observability.log_writer import LogWriter\n"
        "from service.observability.access_log import access_log\n"
        "from service.observability.logging import configure_logging\n"
        "from service.request_context import RequestContext\n"
        "lines = LogWriter(2)\n"
        "configure_logging('info', 'json', lines)\n"
        "log = access_log('info', 'json', lines)\n"
        "for number in range(2000):\n"
        "    log(RequestContext(str(number), '/predict'), 'GET', 200, 0.1)\n"
        "logging.getLogger('any').warning('last')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program + end], cwd=ROOT, capture_output=True, check=False
    )
    assert ended.stderr.count(b'"event":"request"') == 2000
    assert ended.stderr.count(b'"event": "last"') == 1
    assert ended.returncode == {"": 0, "sys.exit(3)": 3}.get(end, 1)


@pytest.mark.anyio
async def test_what_is_dropped_is_counted(predictor: Predictor, pipe: tuple[int, int]) -> None:
    lines = LogWriter(pipe[1])
    transport = httpx.ASGITransport(create_app(Settings(), predictor, log_lines=lines))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for told in ("0.0", "1.0"):
            scraped = await client.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"})
            assert f"\nmalignancy_log_lines_dropped_total {told}\n" in scraped.text
            lines.on_drop()

"""Tests of service.observability.request_ids: every id is new, in threads and after a fork."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from support.paths import ROOT

from service.observability.request_ids import new_request_id

FORK = """
import os
from service.observability.request_ids import new_request_id
new_request_id()
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, b"".join(new_request_id() for _ in range(100)))
    os._exit(0)
own = {new_request_id() for _ in range(100)}
os.wait()
of_child = os.read(read, 100 * 32)
assert len(of_child) == 100 * 32
assert own.isdisjoint(of_child[at:at + 32] for at in range(0, len(of_child), 32))
"""


def test_an_id_is_32_hexadecimal_digits() -> None:
    for _ in range(600):
        assert re.fullmatch(rb"[0-9a-f]{32}", new_request_id())


def test_no_id_is_repeated_in_threads() -> None:
    def draw(_: int) -> list[bytes]:
        return [new_request_id() for _ in range(2000)]

    with ThreadPoolExecutor(4) as threads:
        drawn = [each for ids in threads.map(draw, range(8)) for each in ids]
    assert len(set(drawn)) == len(drawn) == 16_000


def test_no_id_is_repeated_after_a_fork() -> None:
    subprocess.run([sys.executable, "-c", FORK], cwd=ROOT, check=True)

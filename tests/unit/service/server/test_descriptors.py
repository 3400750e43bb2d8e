"""Tests of service.server.descriptors, in separate processes."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from service.server.descriptors import limit_connections

PROGRAM = """
import json, os, socket, sys
from pathlib import Path
from service.server.descriptors import open_standard_descriptors
open_standard_descriptors()
states = [(os.fstat(n).st_ino, os.get_inheritable(n)) for n in range(3)]
Path(sys.argv[1]).write_text(json.dumps([states, socket.socket().fileno()]))
"""
LIMIT = """
import resource
from service.server.descriptors import raise_descriptor_limit
raise_descriptor_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- >&- 2>&-", ""])
def test_closed_descriptors_are_the_null_device(tmp_path: Path, closed: str) -> None:
    found = tmp_path / "found.json"
    command = f'exec "$0" -c "$1" "$2" {closed}'
    subprocess.run(
        ["sh", "-c", command, sys.executable, PROGRAM, str(found)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        capture_output=True,
        check=True,
    )
    null, text = Path(os.devnull).stat().st_ino, found.read_text()
    assert text.count(f"[{null}, true]") == len(closed.split())
    assert int(text.rpartition(",")[2].strip(" ]")) > 2  # a socket gets none of the three


def test_the_limit_of_open_files_is_raised() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = subprocess.run(
        ["sh", "-c", f"ulimit -Sn 64; exec {sys.executable} -c '{LIMIT}'"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert limits.stdout.split() == [str(hard)] * 2


@pytest.mark.parametrize(("limit", "connections"), [(256, 64), (1193, 1000), (100, 1)])
def test_connections_are_limited_by_descriptors(
    limit: int, connections: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert limit_connections(1000) == connections
    assert caplog.messages == ["connections_limited"] * (connections < 1000)

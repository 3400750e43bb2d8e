"""Clients that ask for much and read nothing: neither the service nor the system holds much."""

import re
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from support.eventually import until

from service.protocol.transport import UNSENT_BYTES

CLIENTS = 100
ASK = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELD_BYTES = UNSENT_BYTES + 256 * 1024  # and what is on its way
GROWTH_BYTES = 20 * 1024 * 1024

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of sockets")


def unsent_bytes(port: int) -> list[int]:
    """Of each connection to the service: what the system has taken and the client has not."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return [
        int(each[4].partition(":")[0], 16)
        for each in fields
        if each[1].endswith(f":{port:04X}") and each[3] == "01"  # established
    ]


def resident_bytes(process: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_nothing_piles_up_for_clients_that_do_not_read(
    artifact_path: Path, start_service: Callable[..., AbstractContextManager[tuple[int, int]]]
) -> None:
    with start_service(artifact_path) as (port, process), ExitStack() as connections:

        def ask() -> socket.socket:
            connection = connections.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", port))
            connection.sendall(ASK)
            return connection

        with ask() as first:
            length = int(re.findall(rb"content-length: (\d+)", first.recv(2048))[0])
            assert length > 2 * HELD_BYTES
        before = resident_bytes(process)
        for _ in range(CLIENTS):
            ask()
        until(lambda: sum(held > 0 for held in unsent_bytes(port)) == CLIENTS)
        assert max(unsent_bytes(port)) < HELD_BYTES
        assert resident_bytes(process) - before < GROWTH_BYTES < CLIENTS * length

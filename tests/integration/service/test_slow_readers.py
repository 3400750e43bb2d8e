"""Clients that request large responses and read nothing cost the service and the kernel little."""

import re
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from support.eventually import until

from service.protocol.transport import MAX_UNSENT_BYTES

CLIENTS = 100
REQUEST = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELD_BYTES = MAX_UNSENT_BYTES + 256 * 1024  # and the bytes on the way
GROWTH_BYTES = 20 * 1024 * 1024

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/net/tcp")


def unsent_bytes(port: int) -> list[int]:
    """Return the size of the kernel's send queue of each connection to the service."""
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


def test_no_memory_accumulates_for_clients_that_do_not_read(
    artifact_path: Path, start_service: Callable[..., AbstractContextManager[tuple[int, int]]]
) -> None:
    with start_service(artifact_path) as (port, process), ExitStack() as connections:

        def request() -> socket.socket:
            connection = connections.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", port))
            connection.sendall(REQUEST)
            return connection

        with request() as first:
            length = int(re.findall(rb"content-length: (\d+)", first.recv(2048))[0])
            assert length > 2 * HELD_BYTES
        before = resident_bytes(process)
        for _ in range(CLIENTS):
            request()
        until(lambda: sum(held > 0 for held in unsent_bytes(port)) == CLIENTS)
        assert max(unsent_bytes(port)) < HELD_BYTES
        assert resident_bytes(process) - before < GROWTH_BYTES < CLIENTS * length

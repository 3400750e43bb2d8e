"""Readiness probe from within a container: request /health/ready wherever the service listens.

The address is in no single place: flags are not in the environment, and the port may be chosen by a
platform or by the system. So the probe looks for the listening sockets of the processes that it may
inspect, those of the same user, in /proc of Linux. It imports nothing else of the service.
"""

import re
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

PROBE_PATH: Final = "/health/ready"
MAX_SECONDS: Final = 4.0  # in total; the image allows 5 s
PROC: Final = Path("/proc")
_TCP_LISTENING: Final = "0A"
_UNIX_LISTENING: Final = "00010000"
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # nosec B104


class Address(NamedTuple):
    """Address of a listening socket.

    Attributes:
        family: The address family.
        name: The name to connect to: host and port, or the path of a Unix socket.
    """

    family: socket.AddressFamily
    name: tuple[str, int] | str


def main() -> int:
    """Probe the services of all processes in this container.

    Returns:
        The exit code: 0 if one is ready, else 1.
    """
    deadline = monotonic() + MAX_SECONDS
    addresses = listening_addresses(each for each in PROC.iterdir() if each.name.isdigit())
    return 0 if any(is_ready(each, deadline) for each in addresses) else 1


def listening_addresses(processes: Iterable[Path]) -> list[Address]:
    """Return the addresses on which processes listen.

    Args:
        processes: The folders of the processes in /proc; those of other users are skipped.
    """
    inodes = {inode for process in processes for inode in _socket_inodes(process)}
    return [address for inode, address in _all_listening() if inode in inodes]


def is_ready(address: Address, deadline: float) -> bool:
    """Return True if a service at an address is ready.

    Args:
        address: The address.
        deadline: Time by which it must answer, on the monotonic clock.
    """
    with suppress(OSError, HTTPException), socket.socket(address.family) as client:
        client.settimeout(max(0.1, deadline - monotonic()))
        client.connect(address.name)
        connection = HTTPConnection("localhost")
        connection.sock = client
        connection.request("GET", PROBE_PATH)
        return connection.getresponse().status == 200
    return False


def _socket_inodes(process: Path) -> Iterator[str]:
    with suppress(OSError):  # the process has ended, or belongs to another user
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                if found := re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink())):
                    yield found[1]


def _all_listening() -> Iterator[tuple[str, Address]]:
    """Yield the inode and the address of each listening socket of this network namespace."""
    for file, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for fields in _rows(PROC / "net" / file):
            if fields[3] == _TCP_LISTENING:
                digits, port = fields[1].split(":")
                words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
                host = socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))
                yield fields[9], Address(family, (_LOOPBACK.get(host, host), int(port, 16)))
    for fields in _rows(PROC / "net" / "unix"):
        if fields[3] == _UNIX_LISTENING and len(fields) > 7:
            yield fields[6], Address(socket.AF_UNIX, " ".join(fields[7:]))


def _rows(file: Path) -> list[list[str]]:
    try:
        return [line.split() for line in file.read_text().splitlines()[1:]]
    except FileNotFoundError:  # without IPv6
        return []

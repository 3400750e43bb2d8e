"""service/probe.py: finds what a process listens on, and probes it."""

import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from service import probe
from service.probe import PROC, Address, is_ready, listening_addresses

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc of Linux")

OWN = PROC / str(os.getpid())
HAS_IPV6 = Path("/proc/net/if_inet6").is_file() and bool(Path("/proc/net/if_inet6").read_text())
READY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NOT_READY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def seconds() -> float:
    return monotonic() + 20


@pytest.mark.parametrize(
    ("family", "host", "found"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "::1"),
    ],
)
def test_a_listening_port_is_found(family: socket.AddressFamily, host: str, found: str) -> None:
    if family == socket.AF_INET6 and not HAS_IPV6:
        pytest.skip("this machine has no IPv6")
    before = listening_addresses([OWN])
    with socket.create_server((host, 0), family=family) as listener:
        address = Address(family, (found, listener.getsockname()[1]))
        assert set(listening_addresses([OWN])) - set(before) == {address}
    assert address not in listening_addresses([OWN])


def test_a_unix_socket_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a b")
        assert Address(socket.AF_UNIX, "a b") not in listening_addresses([OWN])
        listener.listen()
        assert Address(socket.AF_UNIX, "a b") in listening_addresses([OWN])


def test_sockets_of_other_processes_are_left_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(socket.AF_INET, listener.getsockname())
        assert address not in listening_addresses(
            [PROC / "no-such-process", PROC / "self" / "task"]
        )


@pytest.fixture(params=[READY, NOT_READY, b"", b"SSH-2.0\r\n"], ids=["200", "503", "none", "other"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[Address, bytes, list[bytes]]]:
    """A server that gives one answer: its address, the answer, and what it has received."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(1000))
                connection.sendall(request.param)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Address(socket.AF_INET, listener.getsockname()), request.param, received
        thread.join()


def test_only_200_is_ready(server: tuple[Address, bytes, list[bytes]], seconds: float) -> None:
    address, answer, received = server
    assert is_ready(address, seconds) is (answer == READY)
    assert received[0].startswith(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n")


def test_a_server_that_is_silent_or_gone_is_not_ready(seconds: float) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(socket.AF_INET, listener.getsockname())
        assert not is_ready(address, monotonic())
    assert not is_ready(address, seconds)


@pytest.mark.parametrize(("ready", "code"), [([False, True], 0), ([False, False], 1), ([], 1)])
def test_the_exit_code(ready: list[bool], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(ready)
    monkeypatch.setattr(probe, "listening_addresses", lambda _: range(len(ready)))
    monkeypatch.setattr(probe, "is_ready", lambda *_: next(answers))
    assert probe.main() == code


def test_the_image_runs_the_probe() -> None:
    dockerfile = (Path(probe.__file__).parents[1] / "Dockerfile").read_text()
    (command,) = re.findall(r'^HEALTHCHECK .*CMD \["python", "-c", "(.*)"\]$', dockerfile, re.M)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "main", lambda: 7)
        with pytest.raises(SystemExit) as ended:
            exec(command)
    assert ended.value.code == 7

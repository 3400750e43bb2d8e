"""service/server/listeners.py: addresses of a host, Unix sockets, passed sockets, and errors."""

import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.server.listeners import AddressError, open_listeners, url_of
from service.settings import SettingError, Settings

HAS_IPV6 = Path("/proc/net/if_inet6").is_file() and bool(Path("/proc/net/if_inet6").read_text())
needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")


def names(environment: dict[str, str] | None = None, **settings: Any) -> list[Any]:
    """Open the listeners, and return the names of their sockets."""
    with open_listeners(Settings(**settings), environment or {}) as listeners:
        return [each.getsockname() for each in listeners]


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # the path of a Unix socket has at most 107 bytes
    return Path("s")


def test_a_free_port_is_bound_and_afterwards_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for _ in range(2):
        assert names(host="127.0.0.1", port=port) == [("127.0.0.1", port)]


@needs_ipv6
def test_all_addresses_of_a_name_have_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [
        (family, socket.SOCK_STREAM, 6, "", (address, 0))
        for family, address in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*both, *both])
    first, second = names(host="both.example", port=0)
    assert (first[0], second[0]) == ("::1", "127.0.0.1")
    assert first[1] == second[1] > 0


def test_an_address_that_this_machine_lacks_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, 1, 6, "", (each, 0)) for each in ("192.0.2.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert [each[0] for each in names(host="both.example", port=0)] == ["127.0.0.1"]


@needs_ipv6
@pytest.mark.parametrize("host", ["::", "[::]"])
def test_the_unspecified_ipv6_address_is_both_families(host: str) -> None:
    with open_listeners(Settings(host=host, port=0), {}) as (listener,):
        listener.listen()
        port = listener.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), 5).close()


def test_a_used_port_is_named_with_a_remedy(used_port: int) -> None:
    expected = f"Port {used_port} on 127.0.0.1 is in use: stop the process that uses it, or"
    with pytest.raises(AddressError, match=re.escape(expected)):
        names(host="127.0.0.1", port=used_port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "\0", "a" * 300])
def test_a_host_of_another_machine_is_an_error_of_the_setting(host: str) -> None:
    with pytest.raises(SettingError, match="MALIGNANCY_HOST"):
        names(host=host, port=0)


def test_a_privileged_port_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", denied)
    with pytest.raises(AddressError, match=r"Port 80 on 127.0.0.1 needs privileges: choose"):
        names(host="127.0.0.1", port=80)


def test_a_unix_socket_is_removed_afterwards(path: Path) -> None:
    with open_listeners(Settings(unix_socket=path), {}) as (listener,):
        assert url_of(listener) == "unix:s"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("s")
    assert not path.exists()


def test_the_file_of_a_killed_process_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind("s")
    assert names(unix_socket=path) == ["s"]


def test_a_used_unix_socket_is_an_error_and_stays(path: Path) -> None:
    with open_listeners(Settings(unix_socket=path), {}):
        with pytest.raises(AddressError, match="The Unix socket is in use: stop the process"):
            names(unix_socket=path)
        assert path.exists()


def test_a_unix_socket_that_another_process_has_replaced_stays(path: Path) -> None:
    with open_listeners(Settings(unix_socket=path), {}):
        path.rename("old")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind("s")
    assert path.exists()


@pytest.mark.parametrize("name", ["file", "no-such-folder/s", "a" * 200])
def test_a_path_that_can_be_no_socket_is_an_error_of_the_setting(path: Path, name: str) -> None:
    path.with_name("file").write_text("kept")
    with pytest.raises(SettingError, match=r"MALIGNANCY_UNIX_SOCKET .* must be the path of a "):
        names(unix_socket=name)
    assert path.with_name("file").read_text() == "kept"


def test_a_passed_descriptor_is_used() -> None:
    passed = socket.create_server(("127.0.0.1", 0))
    name = passed.getsockname()
    assert names(fd=passed.detach()) == [name]


@pytest.mark.parametrize("kind", ["closed", "file", "datagrams"])
def test_a_descriptor_that_is_no_listening_socket_is_an_error(kind: str) -> None:
    if kind == "datagrams":
        descriptor = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()
    else:
        descriptor = os.open(os.devnull, os.O_RDONLY) if kind == "file" else 10**6
    with pytest.raises(SettingError, match=r"MALIGNANCY_FD \(--fd\) must be the number"):
        names(fd=descriptor)
    if kind == "file":
        os.close(descriptor)


@pytest.mark.parametrize("count", ["0", "", "-1", "x", "1000"])
def test_a_wrong_number_of_passed_sockets_names_the_variable(count: str) -> None:
    with pytest.raises(SettingError, match="LISTEN_FDS must be the number of listening"):
        names({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count})


def test_sockets_for_another_process_are_not_used() -> None:
    found = names({"LISTEN_PID": str(os.getppid()), "LISTEN_FDS": "0"}, host="127.0.0.1", port=0)
    assert len(found) == 1


@pytest.mark.process
@pytest.mark.parametrize("workers", [1, 2])
def test_the_service_ends_with_one_sentence(
    used_port: int, workers: int, artifact_path: Path
) -> None:
    command = [sys.executable, "-m", "service", "--artifact", str(artifact_path)]
    flags = ["--port", str(used_port), "--workers", str(workers)]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert re.fullmatch(r"Port \d+ on 127\.0\.0\.1 is in use: [^\n]+\n", done.stderr)

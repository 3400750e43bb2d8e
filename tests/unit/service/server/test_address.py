"""An address that the service cannot listen on is one sentence, before anything is loaded."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.server.address import AddressError, check_address
from service.settings import SettingError


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_free_port_passes_and_stays_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for _ in range(2):
        check_address("127.0.0.1", port)
    check_address("127.0.0.1", 0)
    check_address("localhost", 0)


def test_a_used_port_is_named_with_a_remedy(used_port: int) -> None:
    expected = f"Port {used_port} on 127.0.0.1 is in use: stop the process that uses it, or"
    with pytest.raises(AddressError, match=re.escape(expected)):
        check_address("127.0.0.1", used_port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "\0", "a" * 300])
def test_a_host_of_another_machine_is_an_error_of_the_setting(host: str) -> None:
    with pytest.raises(SettingError, match="MALIGNANCY_HOST"):
        check_address(host, 0)


def test_a_privileged_port_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", denied)
    with pytest.raises(AddressError, match=r"Port 80 on 127.0.0.1 needs privileges: choose"):
        check_address("127.0.0.1", 80)


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

"""One worker and several listen alike: on addresses, a Unix socket, and passed sockets."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import urljoin

import httpx
import pytest
from support.eventually import until
from support.paths import ROOT
from support.service_process import SECONDS, answer, status_of

from service.probe import is_ready as probe_is_ready
from service.probe import listening_addresses

pytestmark = pytest.mark.process

HAS_IPV6 = Path("/proc/net/if_inet6").is_file() and bool(Path("/proc/net/if_inet6").read_text())
GET = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(params=[1, 2], ids=["one-worker", "two-workers"])
def workers(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


@contextmanager
def serving(
    artifact: Path,
    log: Path,
    workers: int,
    *flags: str,
    passed: Sequence[int] = (),
    program: Sequence[str] = (sys.executable, "-m", "service"),
) -> Iterator[str]:
    """Run a service, and return its log when the probe of the image finds that it is ready.

    SIGTERM must end it with code 0.
    """
    arguments = ["--artifact", str(artifact), "--workers", str(workers), *flags]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*program, *arguments], cwd=ROOT, stderr=file, pass_fds=passed, start_new_session=True
        )
        try:
            until(lambda: log.read_text().count("startup complete") >= workers)
            addresses = listening_addresses([Path("/proc", str(process.pid))])
            assert addresses
            deadline = monotonic() + SECONDS
            until(lambda: all(probe_is_ready(each, deadline) for each in addresses))
            yield log.read_text()
            process.terminate()
            assert process.wait(SECONDS) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def is_ready(address: tuple[str, int] | str) -> bool:
    """Return True if the service at an address is ready."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    if isinstance(address, tuple) and ":" in address[0]:
        family = socket.AF_INET6
    with socket.socket(family) as connection:
        connection.settimeout(SECONDS)
        connection.connect(address)
        connection.sendall(GET)
        return status_of(answer(connection)) == 200


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
def test_all_addresses_answer(artifact_path: Path, tmp_path: Path, workers: int) -> None:
    flags = "--host", "::", "--port", "0"
    with serving(artifact_path, tmp_path / "log", workers, *flags) as log:
        found = re.search(r"running on http://\[::\]:(\d+)", log)
        assert found
        for host in ("127.0.0.1", "::1"):
            assert is_ready((host, int(found[1])))


def test_the_probe_needs_neither_an_allowed_host_nor_a_key(
    artifact_path: Path, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALIGNANCY_HOST", "127.0.0.2")
    monkeypatch.setenv("PORT", "0")  # of a platform
    monkeypatch.setenv("MALIGNANCY_ALLOWED_HOSTS", "example.org")
    monkeypatch.setenv("MALIGNANCY_API_KEYS", f"key:predict:{'0' * 64}")
    with serving(artifact_path, tmp_path / "log", workers) as log:  # when the probe finds it ready
        found = re.search(r"running on http://127\.0\.0\.2:(\d+)", log)
        assert found
        url = f"http://127.0.0.2:{found[1]}"
        assert httpx.get(f"{url}/model").status_code == 421
        assert httpx.get(f"{url}/model", headers={"Host": "example.org"}).status_code == 401


def test_a_unix_socket_answers(artifact_path: Path, tmp_path: Path, workers: int) -> None:
    path = os.path.relpath(tmp_path / "s", ROOT)  # at most 107 bytes
    with serving(artifact_path, tmp_path / "log", workers, "--unix-socket", path) as log:
        assert f"running on unix:{path}" in log
        assert is_ready(os.path.relpath(tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_a_passed_descriptor_answers(artifact_path: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor, address = listener.fileno(), listener.getsockname()
        flags, log = ("--fd", str(descriptor)), tmp_path / "log"
        with serving(artifact_path, log, 1, *flags, passed=[descriptor]):
            assert is_ready(address)


def test_the_sockets_of_systemd_answer(artifact_path: Path, tmp_path: Path, workers: int) -> None:
    first, second = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with first, second:
        passed = first.fileno(), second.fileno()
        script = f"""exec 3<&{passed[0]} 4<&{passed[1]}
            export LISTEN_PID=$$ LISTEN_FDS=2
            exec {sys.executable} -m service "$@\""""
        program, log = ("bash", "-c", script, "service"), tmp_path / "log"
        with serving(artifact_path, log, workers, passed=passed, program=program):
            assert is_ready(first.getsockname())
            assert is_ready(second.getsockname())


def test_a_misspelled_variable_is_logged_once(
    artifact_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALIGNANCY_TRESHOLD", "0.7")
    with serving(artifact_path, tmp_path / "log", 2, "--port", "0") as log:
        (line,) = (json.loads(each) for each in log.splitlines() if "unknown_setting" in each)
    assert line["level"] == "warning"
    assert (line["variable"], line["nearest"]) == ("MALIGNANCY_TRESHOLD", "MALIGNANCY_THRESHOLD")


def test_a_service_behind_a_prefix(artifact_path: Path, tmp_path: Path) -> None:
    flags = "--port", "0", "--root-path", "/triage/"
    with serving(artifact_path, tmp_path / "log", 1, *flags) as log:
        found = re.search(r"running on (http://127.0.0.1:\d+)", log)
        assert found
        for base in (f"{found[1]}/", f"{found[1]}/triage/"):  # with a proxy that removes it, or not
            page = httpx.get(urljoin(base, "docs"))
            assert page.status_code == 200
            links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
            assert len(links) > 3
            for link in links:
                assert httpx.get(urljoin(str(page.url), link)).status_code == 200
            for path in ("model", "metrics", "health/ready", "v2/health/ready", "models"):
                assert httpx.get(urljoin(base, path)).status_code == 200
            wrong = httpx.post(urljoin(base, "v2/models/article/infer"), content=b"{")
            assert (wrong.status_code, list(wrong.json())) == (400, ["error"])
            # A client resolves the server against the address of the document.
            document = httpx.get(urljoin(base, "openapi.json"))
            (server,) = document.json()["servers"]
            resolved = urljoin(str(document.url), server["url"]).rstrip("/") + "/model"
            assert httpx.get(resolved).status_code == 200
            assert resolved == f"{found[1]}/triage/model"  # which the proxy passes on

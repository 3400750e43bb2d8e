"""Input that is rejected before it is a request is counted and logged like every request."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from integration.service.test_framing import exchange, statuses
from prometheus_client.parser import text_string_to_metric_families as parse
from support.eventually import until
from support.raw_requests import GET, HOST, POST
from support.service_process import answer, running_service, status_of

SECONDS = 30
SETTINGS = {
    "receive_timeout_seconds": "0.5",
    "keep_alive_seconds": "60",
    "allowed_hosts": "localhost,127.0.0.1",
    "max_connections": "20",
    "max_connections_per_address": "10",
}
ID = b"X-Request-ID: of-the-client\r\n"
# Name: status, route, reason, sent bytes.
REJECTED = {
    "malformed": (400, "unmatched", "malformed", b"GET / HTTP/1.1\r\nX-A : b\r\n\r\n"),
    "long target": (414, "unmatched", "target_too_long", b"GET /" + b"a" * 9000),
    "misdirected": (421, "unmatched", "misdirected", b"GET / HTTP/1.1\r\nHost: other\r\n\r\n"),
    "large head": (431, "unmatched", "head_too_large", GET + b"X-A: b\r\n" * 102),
    "half head": (408, "unmatched", "too_slow", GET),
    "half body": (
        408,
        "/predict",
        "too_slow",
        POST + ID + b"Content-Length: 9\r\n\r\n{",
    ),
    "broken body": (
        400,
        "/predict",
        "malformed",
        POST + ID + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
    ),
    "half tensors": (
        408,
        "/v2/models/{name}/infer",
        "too_slow",
        POST.replace(b"/predict", b"/v2/models/article/infer") + b"Content-Length: 9\r\n\r\n{",
    ),
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("log")
    return folder / "log.txt"


@pytest.fixture(scope="module")
def port(artifact_path: Path, log: Path) -> Iterator[int]:
    with running_service(artifact_path, log, **SETTINGS) as service:
        yield service.port


def counted(port: int, name: str, **labels: str) -> float:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept": "text/plain"}).text
    samples = (sample for family in parse(text) for sample in family.samples)
    return sum(s.value for s in samples if s.name == f"malignancy_{name}" and s.labels == labels)


def line_of(log: Path, identity: str) -> dict[str, Any]:
    """Wait for the access log line with this request id; there is exactly one."""

    def lines() -> list[dict[str, Any]]:
        parsed = [json.loads(line) for line in log.read_text().splitlines() if identity in line]
        return [line for line in parsed if line["event"] == "request"]

    until(lambda: bool(lines()))
    (line,) = lines()
    return line


def test_a_health_check_by_address_is_answered(port: int) -> None:
    labels = {"route": "unmatched", "status": "421"}
    before = counted(port, "requests_total", **labels)
    check = GET + b"Host: 10.0.0.7:8000\r\n\r\n"  # the second one has a known head
    wrong = check.replace(b"/health/live", b"/model")
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        for sent, status in ((check, 200), (check, 200), (wrong, 421)):
            connection.sendall(sent)
            assert status_of(answer(connection)) == status
    until(lambda: counted(port, "requests_total", **labels) == before + 1)


@pytest.mark.parametrize("name", REJECTED)
def test_a_rejection_is_counted_and_logged_once(name: str, port: int, log: Path) -> None:
    status, route, reason, data = REJECTED[name]
    own = f"of-{name.replace(' ', '-')}"
    data = data.replace(b"of-the-client", own.encode())
    requests: dict[str, str] = {"route": route, "status": f"{status}"}
    before = counted(port, "requests_total", **requests)
    rejected = counted(port, "refused_requests_total", route=route, reason=reason)
    closed = counted(port, "requests_total", route=route, status="499")
    answered = exchange(port, data)
    assert statuses(answered) == [status]
    identity = re.search(rb"x-request-id: (\S+)", answered)
    assert identity is not None
    assert identity[1].decode() == own or own.encode() not in data
    line = line_of(log, identity[1].decode())
    assert (line["status"], line["route"]) == (status, route)
    assert line["method"] == ("other" if route == "unmatched" else "POST")
    until(lambda: counted(port, "requests_total", **requests) > before)  # at most a second old
    assert counted(port, "requests_total", **requests) == before + 1
    assert counted(port, "refused_requests_total", route=route, reason=reason) == rejected + 1
    assert counted(port, "requests_total", route=route, status="499") == closed
    assert counted(port, "requests_in_flight") == 1


def test_a_rejection_in_a_pipeline_is_sent_in_order(port: int) -> None:
    good = GET + HOST + b"\r\n"
    assert statuses(exchange(port, good + REJECTED["half body"][3])) == [200, 408]
    assert statuses(exchange(port, good + REJECTED["broken body"][3])) == [200, 400]

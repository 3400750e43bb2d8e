"""Raw bytes to a service, directly and behind nginx: invalid HTTP/1.1 is rejected exactly once."""

import json
import re
import socket
from collections.abc import Iterator

import httpx
import pytest
from support.nginx import running_nginx
from support.raw_requests import GET, HIDDEN, HOST, POST, REJECTED, VALID, header

SECONDS = 20


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes, and return everything received until the service closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        answered = b""
        try:
            connection.sendall(data)
            while received := connection.recv(65536):
                answered += received
        except ConnectionError:
            pass  # closed while bytes are on the way
        return answered


def statuses(answered: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]


@pytest.mark.parametrize("name", REJECTED)
def test_an_invalid_request_is_rejected_once(name: str, service_port: int) -> None:
    status, data = REJECTED[name]
    answered = exchange(service_port, data + HIDDEN)
    assert statuses(answered) == [status], answered[:500]
    head, _, body = answered.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    identity = re.search(rb"x-request-id: (\w+)", head)
    assert identity is not None
    assert identity[1] in body
    assert b"hidden" not in answered
    assert statuses(exchange(service_port, VALID["plain"][1])) == [200]


@pytest.mark.parametrize("name", VALID)
def test_a_valid_request_is_answered_once(name: str, service_port: int) -> None:
    status, data = VALID[name]
    answered = exchange(service_port, data)
    assert statuses(answered) == [status], answered[:500]
    assert b"hidden" not in answered


def test_requests_before_an_invalid_one_are_answered_first(service_port: int) -> None:
    good = GET + HOST + b"\r\n"
    answered = exchange(service_port, good + good + header(b"X-A : b") + good)
    assert statuses(answered) == [200, 200, 400]


def test_pipelining_is_bounded(service_port: int) -> None:
    good = GET + HOST + b"\r\n"
    assert statuses(exchange(service_port, good * 50 + VALID["plain"][1])) == [200] * 51
    answered = statuses(exchange(service_port, good * 1000))
    assert answered[-1] == 400
    assert set(answered[:-1]) == {200}
    assert len(answered) < 100


@pytest.mark.parametrize(("kinds", "name"), [(VALID, "chunked"), (REJECTED, "two lengths")])
def test_byte_by_byte(kinds: dict[str, tuple[int, bytes]], name: str, service_port: int) -> None:
    status, data = kinds[name]
    with socket.create_connection(("127.0.0.1", service_port), timeout=SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            connection.sendall(bytes([byte]))
        answered = b""
        while received := connection.recv(65536):
            answered += received
    assert statuses(answered) == [status]


def test_100_continue(service_port: int) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service_port), timeout=SECONDS) as connection:
        connection.sendall(head)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert statuses(connection.recv(65536)) == [422]


def test_no_100_continue_for_a_rejected_body(service_port: int) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: 900000000\r\n\r\n"
    assert statuses(exchange(service_port, head)) == [413]


def test_json_that_is_encoded_while_it_is_sent(service_port: int) -> None:
    body = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]] * 1000}
    pieces = [piece.encode() for piece in json.JSONEncoder().iterencode(body)]
    assert sum(map(len, pieces)) < 3 * len(pieces)
    url, headers = f"http://127.0.0.1:{service_port}/predict", {"Content-Type": "application/json"}
    answer = httpx.post(url, content=iter(pieces), headers=headers)
    assert (answer.status_code, len(answer.json()["predictions"])) == (200, 1000)


@pytest.fixture(scope="module")
def nginx_port(service_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_nginx(service_port, tmp_path_factory.mktemp("nginx")) as port:
        yield port


@pytest.mark.parametrize("name", [*REJECTED, *VALID])
def test_behind_a_proxy_no_request_is_answered_twice(name: str, nginx_port: int) -> None:
    _, data = (REJECTED | VALID)[name]
    answered = exchange(nginx_port, data)
    assert len(statuses(answered)) <= 1
    assert not {500, 502, 503, 504} & set(
        statuses(answered)
    )  # 501 is nginx's, for transfer codings
    assert statuses(exchange(nginx_port, VALID["plain"][1])) == [200]

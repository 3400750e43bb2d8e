"""Raw bytes to a service, directly and behind nginx: what is no good HTTP/1.1 is refused, once."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS = 20
HOST = b"Host: localhost\r\n"
# What is hidden in the bytes of another request: done, it would show as a 404 with this word.
HIDDEN = b"GET /hidden HTTP/1.1\r\n" + HOST + b"X-Request-ID: hidden\r\n\r\n"
GET = b"GET /health/live HTTP/1.1\r\n"
POST = b"POST /predict HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def header(line: bytes) -> bytes:
    return GET + HOST + line + b"\r\n\r\n"


def coding(value: bytes) -> bytes:
    return POST + b"Transfer-Encoding:" + value + b"\r\n\r\n0\r\n\r\n"


def length(value: bytes) -> bytes:
    return POST + b"Content-Length:" + value + b"\r\n\r\n{}"


# Each is refused, and the connection closed.
REFUSED = {
    "no host": (400, GET + b"\r\n"),
    "two hosts": (400, GET + HOST + HOST + b"\r\n"),
    "two hosts that differ": (400, GET + HOST + b"Host: other\r\n\r\n"),
    "empty host": (400, GET + b"Host:\r\n\r\n"),
    "host with a path": (400, GET + b"Host: a/b\r\n\r\n"),
    "host with a user": (400, GET + b"Host: a@b\r\n\r\n"),
    "host with a space": (400, GET + b"Host: a b\r\n\r\n"),
    "host with a bad port": (400, GET + b"Host: a:b\r\n\r\n"),
    "length and coding": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "coding and length": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
    "two lengths": (400, POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    "two lengths that differ": (400, POST + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}"),
    "list of lengths": (400, length(b" 2, 2")),
    "empty length": (400, length(b"")),
    "signed length": (400, length(b" +2")),
    "negative length": (400, length(b" -2")),
    "hexadecimal length": (400, length(b" 0x2")),
    "length with an exponent": (400, length(b" 1e1")),
    "length that overflows": (400, length(b" 18446744073709551617")),
    "xchunked": (400, coding(b" xchunked")),
    "chunked, identity": (400, coding(b" chunked, identity")),
    "identity": (400, coding(b" identity")),
    "gzip, chunked": (400, coding(b" gzip, chunked")),
    "comma chunked": (400, coding(b" ,chunked")),
    "quoted chunked": (400, coding(b' "chunked"')),
    "vertical tab chunked": (400, coding(b" \x0bchunked")),
    "NUL chunked": (400, coding(b" \0chunked")),
    "folded chunked": (400, coding(b"\r\n chunked")),
    "empty coding": (400, coding(b"")),
    "two codings": (400, coding(b" chunked\r\nTransfer-Encoding: chunked")),
    "two codings that differ": (400, coding(b" gzip\r\nTransfer-Encoding: chunked")),
    "space before the colon of a coding": (400, POST + b"Transfer-Encoding : chunked\r\n\r\n"),
    "coding in HTTP/1.0": (400, coding(b" chunked").replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    "folded header": (400, header(b"X-A: a\r\n b")),
    "folded first header": (400, GET + b" X-A: b\r\n" + HOST + b"\r\n"),
    "space before the colon": (400, header(b"X-A : b")),
    "no colon": (400, header(b"X-A")),
    "no name": (400, header(b": b")),
    "control character in a name": (400, header(b"X\x01A: b")),
    "control character in a value": (400, header(b"X-A: \x01b")),
    "NUL in a value": (400, header(b"X-A: \0b")),
    "bare CR in a value": (400, header(b"X-A: a\rb")),
    "bare LF after the version": (400, b"GET / HTTP/1.1\n" + HOST + b"\r\n"),
    "bare LF after a header": (400, GET + b"Host: localhost\n\r\n"),
    "bare LF at the end": (400, GET + HOST + b"\n"),
    "NUL in the target": (400, b"GET /a\0b HTTP/1.1\r\n" + HOST + b"\r\n"),
    "tab in the target": (400, b"GET /a\tb HTTP/1.1\r\n" + HOST + b"\r\n"),
    "Latin-1 in the target": (400, b"GET /a\xe9 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "fragment": (400, b"GET /health#a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target without a slash": (400, b"GET health HTTP/1.1\r\n" + HOST + b"\r\n"),
    "authority as target": (400, b"GET localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "another host as target": (400, b"GET http://other/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "ftp as target": (400, b"GET ftp://localhost/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "asterisk of GET": (400, b"GET * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT": (400, b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT to a path": (400, b"CONNECT / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "HTTP/0.9": (400, b"GET /health\r\n\r\n"),
    "HTTP/1.2": (400, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    "HTTP/2.0": (400, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "HTTP/2's preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(500)),
    "RTSP": (400, b"GET / RTSP/1.1\r\n" + HOST + b"\r\n"),
    "RTSP/1.0": (400, b"OPTIONS / RTSP/1.0\r\n" + HOST + b"\r\n"),
    "ICE": (400, b"SOURCE / ICE/1.0\r\n" + HOST + b"\r\n"),
    "two spaces after the method": (400, b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "two spaces after the target": (400, b"GET /  HTTP/1.1\r\n" + HOST + b"\r\n"),
    "space after the version": (400, b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n"),
    "space before the method": (400, b" GET / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a method in lower case": (400, b"get / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "bad chunk size": (400, CHUNKED + b"x\r\n{}\r\n0\r\n\r\n"),
    "0x chunk size": (400, CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n"),
    "negative chunk size": (400, CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
    "chunk size and a space": (400, CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n"),
    "chunk size that overflows": (400, CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    "chunk longer than its size": (400, CHUNKED + b"2\r\n{} \r\n0\r\n\r\n"),
    "bare LF after a chunk size": (400, CHUNKED + b"2\n{}\r\n0\r\n\r\n"),
    "LF in a chunk extension": (400, CHUNKED + b"2;\nx\r\n{}\r\n0\r\n\r\n"),
    "huge chunk extension": (400, CHUNKED + b"2;" + b"a" * 50_000 + b"\r\n{}\r\n0\r\n\r\n"),
    "huge trailer": (400, CHUNKED + b"0\r\nX-A: " + b"a" * 50_000 + b"\r\n\r\n"),
    "bad trailer": (400, CHUNKED + b"0\r\nX-A : a\r\n\r\n"),
    "tiny chunks": (400, CHUNKED + b"1\r\n \r\n" * 50_000 + b"0\r\n\r\n"),
    "another expectation": (417, header(b"Expect: 200-ok")),
    "too many headers": (431, header(b"\r\n".join([b"X-A: b"] * 100))),
    "large head": (431, header(b"X-A: " + b"a" * 40_000)),
    "endless head": (431, GET + b"X-A: " + b"a" * 60_000),
    "endless headers": (431, GET + b"a:\r\n" * 5_000),
    "long target": (414, b"GET /" + b"a" * 8_192 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "endless target": (414, b"GET /" + b"a" * 60_000),
}
CLOSE = b"Connection: close\r\n\r\n"
# Each is answered as it would be without what is unusual about it.
TAKEN = {
    "plain": (200, GET + HOST + CLOSE),
    "empty lines before": (200, b"\r\n\r\n" + GET + HOST + CLOSE),
    "HTTP/1.0": (200, b"GET /health/live HTTP/1.0\r\n\r\n"),
    "absolute target": (200, b"GET http://localhost/health/live HTTP/1.1\r\n" + HOST + CLOSE),
    "absolute target, no path": (200, b"GET HTTP://LOCALHOST HTTP/1.1\r\n" + HOST + CLOSE),
    "host with a port": (200, GET + b"Host: localhost:80\r\n" + CLOSE),
    "IPv6 host": (200, GET + b"Host: [::1]:80\r\n" + CLOSE),
    "asterisk of OPTIONS": (404, b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE),
    "upgrade": (200, GET + HOST + b"Upgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n"),
    "web socket": (200, GET + HOST + b"Upgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n"),
    "upgrade with a body": (
        422,
        POST + b"Upgrade: h2c\r\nConnection: Upgrade, close\r\nContent-Length: 2\r\n\r\n{}",
    ),
    "chunked": (
        422,
        POST + b"transfer-encoding: Chunked\r\nConnection: close\r\n\r\n"
        b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nHost: trailer\r\n\r\n",
    ),
    "body that nobody reads": (
        200,
        GET + HOST + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}",
    ),
    "hidden after a close": (200, GET + HOST + CLOSE + HIDDEN),
    "garbage after a close": (200, GET + HOST + CLOSE + b"\0\1\2"),
}


def exchange(port: int, data: bytes) -> bytes:
    """All that is answered to some bytes, until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        answered = b""
        try:
            connection.sendall(data)
            while received := connection.recv(65536):
                answered += received
        except ConnectionError:
            pass  # it is closed while bytes are under way
        return answered


def statuses(answered: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_once(name: str, service_port: int) -> None:
    status, data = REFUSED[name]
    answered = exchange(service_port, data + HIDDEN)
    assert statuses(answered) == [status], answered[:500]
    head, _, body = answered.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    identity = re.search(rb"x-request-id: (\w+)", head)
    assert identity is not None
    assert identity[1] in body
    assert b"hidden" not in answered
    assert statuses(exchange(service_port, TAKEN["plain"][1])) == [200]


@pytest.mark.parametrize("name", TAKEN)
def test_it_is_answered_once(name: str, service_port: int) -> None:
    status, data = TAKEN[name]
    answered = exchange(service_port, data)
    assert statuses(answered) == [status], answered[:500]
    assert b"hidden" not in answered


def test_what_comes_before_garbage_is_answered_before_the_refusal(service_port: int) -> None:
    good = GET + HOST + b"\r\n"
    answered = exchange(service_port, good + good + header(b"X-A : b") + good)
    assert statuses(answered) == [200, 200, 400]


def test_a_second_request_line_is_looked_at_as_the_first(service_port: int) -> None:
    body = b"GET / HTTP/1.1\r\n" + b" " * 40_000
    first = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert statuses(exchange(service_port, first * 2 + TAKEN["plain"][1])) == [400, 400, 200]
    answered = exchange(service_port, first + b"GET /  HTTP/1.1\r\n" + HOST + b"\r\n")
    assert statuses(answered) == [400, 400]
    assert b"request line" in answered


def test_requests_may_be_pipelined_but_not_without_end(service_port: int) -> None:
    good = GET + HOST + b"\r\n"
    assert statuses(exchange(service_port, good * 50 + TAKEN["plain"][1])) == [200] * 51
    answered = statuses(exchange(service_port, good * 1000))
    assert answered[-1] == 400
    assert set(answered[:-1]) == {200}
    assert len(answered) < 100


@pytest.mark.parametrize(("kinds", "name"), [(TAKEN, "chunked"), (REFUSED, "RTSP")])
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


def test_the_body_is_sent_when_it_is_asked_for(service_port: int) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service_port), timeout=SECONDS) as connection:
        connection.sendall(head)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert statuses(connection.recv(65536)) == [422]


def test_a_refused_body_is_not_asked_for(service_port: int) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: 900000000\r\n\r\n"
    assert statuses(exchange(service_port, head)) == [413]


NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream service {{ server 127.0.0.1:{service}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_timeout 1;
    location / {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_request_buffering off;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
    }}
  }}
}}
"""


@pytest.fixture(scope="module")
def nginx_port(service_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    folder: Path = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, service=service_port, port=port))
    with subprocess.Popen([program, "-e", f"{folder}/error", "-c", configuration]) as process:
        try:
            deadline = time.monotonic() + SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline, (folder / "error").read_text()
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


@pytest.mark.parametrize("name", [*REFUSED, *TAKEN])
def test_behind_a_proxy_nothing_is_answered_twice(name: str, nginx_port: int) -> None:
    _, data = (REFUSED | TAKEN)[name]
    answered = exchange(nginx_port, data)
    assert len(statuses(answered)) <= 1
    assert not {500, 502, 503, 504} & set(statuses(answered))  # 501 is nginx's own, to codings
    assert statuses(exchange(nginx_port, TAKEN["plain"][1])) == [200]

"""service/protocol/http_protocol.py: valid requests are dispatched once, others rejected once."""

import pytest
from support.fake_connection import Server, detail, statuses
from support.raw_requests import HIDDEN, REJECTED, VALID

from service.protocol.arriving_request import FRAMING_BYTES, FRAMING_BYTES_PER_BYTE, SLICE_BYTES
from service.protocol.http_protocol import MAX_PIPELINED
from service.protocol.request_head import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES

pytestmark = pytest.mark.anyio

HOST = b"Host: localhost\r\n"


def get(path: bytes, *headers: bytes) -> bytes:
    lines = [b"GET %b HTTP/1.1" % path, b"Host: localhost", *headers]
    return b"\r\n".join([*lines, b"", b""])


def post(path: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"Host: localhost", *headers]
    return b"\r\n".join([*lines, b"", body])


CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("name", REJECTED)
async def test_an_invalid_request_is_rejected_once(name: str, size: int) -> None:
    status, data = REJECTED[name]
    wire = Server().connect()
    data += HIDDEN
    answered = b""
    for start in range(0, min(len(data), 100_000 * size), size):
        wire.protocol.data_received(data[start : start + size])
    answered = await wire.answered()
    assert statuses(answered) == [status]
    assert detail(answered)
    assert b"connection: close\r\n" in answered
    assert b"date: today\r\n" in answered
    assert all(scope["path"] != "/hidden" for scope in wire.server.application.scopes)
    assert wire.is_ended()
    await wire.later(2)
    assert wire.is_closed()


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("name", VALID)
async def test_a_valid_request_is_dispatched_once(name: str, size: int) -> None:
    _, data = VALID[name]
    wire = Server().connect()
    for start in range(0, len(data), size):
        wire.protocol.data_received(data[start : start + size])
    assert statuses(await wire.answered()) == [200]
    assert len(wire.server.application.scopes) == 1


async def test_the_scope_of_a_request() -> None:
    wire = Server().connect()
    headers = [b"X-One: A", b"Content-Length: 3", b"x-one:B", b"X-Request-ID: me"]
    answered = await wire.send(post(b"/r%65ad?x=%31&y?z", *headers, body=b"abc"))
    head, _, body = answered.partition(b"\r\n\r\n")
    assert body == b"/read abc"
    assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 9\r\n")
    assert b"\r\nx-request-id: me" in head
    (scope,) = wire.server.application.scopes
    assert scope == {
        "type": "http",
        "asgi": scope["asgi"],
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "root_path": "",
        "path": "/read",
        "raw_path": b"/r%65ad",
        "query_string": b"x=%31&y?z",
        "headers": [
            (b"host", b"localhost"),
            (b"x-one", b"A"),
            (b"content-length", b"3"),
            (b"x-one", b"B"),
            (b"x-request-id", b"me"),
        ],
        "state": {},
    }
    assert not wire.is_closed()


async def test_a_connection_is_reused() -> None:
    wire = Server().connect()
    for number in range(3):
        sent = post(b"/read", b"Content-Length: 1", body=b"%d" % number)
        assert (await wire.send(sent)).endswith(b"/read %d" % number)
    assert not wire.is_closed()
    assert wire.server.state.total_requests == 3
    answered = await wire.send(get(b"/last", b"Connection: close"))
    assert b"connection: close\r\n" in answered
    assert wire.is_closed()


async def test_http_1_0() -> None:
    wire = Server().connect()
    answered = await wire.send(b"GET /a%62 HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")
    assert statuses(answered) == [200]
    assert wire.server.application.scopes[0]["http_version"] == "1.0"
    assert wire.server.application.scopes[0]["path"] == "/ab"
    assert wire.is_closed()


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://localhost/a?b", "/a", b"b"),
        (b"HTTPS://LOCALHOST", "/", b""),
        (b"http://localhost?b", "/", b"b"),
        (b"//other/a", "//other/a", b""),
        (b"/http://other/", "/http://other", b""),
        (b"/", "/", b""),
        (b"/?b/", "/", b"b/"),
        (b"/a/?b", "/a", b"b"),
        (b"/a%2f", "/a", b""),
        (b"/a//", "/a/", b""),
        (b"http://localhost/a/", "/a", b""),
    ],
)
async def test_forms_of_the_target(target: bytes, path: str, query: bytes) -> None:
    wire = Server().connect()
    assert statuses(await wire.send(get(target))) == [200]
    (scope,) = wire.server.application.scopes
    assert (scope["path"], scope["query_string"]) == (path, query)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/triage/predict?a=/triage", "/predict"),
        (b"http://localhost/triage/a%20b", "/a b"),
        (b"/triage", "/"),
        (b"/triage/", "/"),
        (b"/triage?a", "/"),
        (b"/triage/triage/predict", "/triage/predict"),
        (b"/predict", "/predict"),
        (b"/triages/predict", "/triages/predict"),
        (b"/a/triage", "/a/triage"),
    ],
)
async def test_targets_have_the_root_path_or_not(target: bytes, path: str) -> None:
    wire = Server(root_path="/triage").connect()
    assert statuses(await wire.send(get(target))) == [200]
    (scope,) = wire.server.application.scopes
    assert scope["path"] == path
    assert not scope["raw_path"].startswith(b"/triage") or path.startswith("/triage")


async def test_only_allowed_hosts() -> None:
    server = Server(allowed_hosts="a.org")
    for host, status in ((b"a.org", 200), (b"A.ORG:80", 200), (b"b.org", 421), (b"a b", 400)):
        for more in (b"", b"Expect: 100-continue\r\n"):  # with full validation too
            sent = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n" + more + b"\r\n"
            assert statuses(await server.connect().send(sent)) == [status]
    without = b"GET / HTTP/1.0\r\n\r\n"
    assert statuses(await server.connect().send(without)) == [421]
    assert len(server.application.scopes) == 4


async def test_health_checks_and_metrics_need_no_allowed_host() -> None:
    server = Server(allowed_hosts="a.org")
    for path in (b"/health", b"/v2/models/a/ready", b"/metrics"):
        for head in (
            b"GET %b HTTP/1.1\r\nHost: 10.0.0.7:8000\r\n\r\n",
            b"GET http://10.0.0.7%b HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n",
            b"HEAD %b HTTP/1.0\r\n\r\n",
        ):
            wire = server.connect()
            assert statuses(await wire.send(head % path)) == [200]
        malformed = b"GET " + path + b" HTTP/1.1\r\nHost: a b\r\n\r\n"
        assert statuses(await server.connect().send(malformed)) == [400]
    post = b"POST /metrics HTTP/1.1\r\nHost: 10.0.0.7\r\nContent-Length: 0\r\n\r\n"
    assert statuses(await server.connect().send(post)) == [421]


@pytest.mark.parametrize("more", [(), (b"Expect: 100-continue",)])
async def test_the_limits_of_a_head(more: tuple[bytes, ...]) -> None:
    def status(*headers: bytes, path: bytes = b"/a") -> bytes:
        return get(path, *more, *headers)

    url, count = MAX_URL_BYTES, MAX_HEADERS - 1 - len(more)
    # A head is its lines without the method, the version and the last CRLF.
    lines = [b"Host: localhost", *more, b"X: "]
    room = MAX_HEAD_BYTES - len(b"/a") - sum(len(line) + 2 for line in lines)
    for sent, expected in (
        (status(path=b"/" + b"a" * (url - 1)), 200),
        (status(path=b"/" + b"a" * url), 414),
        (status(*[b"a: b"] * count), 200),
        (status(*[b"a: b"] * (count + 1)), 431),
        (status(b"X: " + b"a" * room), 200),
        (status(b"X: " + b"a" * (room + 1)), 431),
    ):
        for size in (10**6, 5000):
            wire = Server().connect()
            for start in range(0, len(sent), size):
                wire.protocol.data_received(sent[start : start + size])
            assert statuses(await wire.answered()) == [expected], len(sent)


@pytest.mark.parametrize(
    ("begin", "more", "status"),
    [
        (b"GET /", b"a", 414),
        (b"GET / HTTP/1.1\r\n", b"a:\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: ", b"a", 431),
    ],
)
async def test_an_endless_head(begin: bytes, more: bytes, status: int) -> None:
    wire = Server().connect()
    sent = len(begin)
    answered = await wire.send(begin)
    while not answered:
        sent += 97 * len(more)
        assert sent <= MAX_HEAD_BYTES + 1000
        answered = await wire.send(more * 97)
    assert statuses(answered) == [status]


async def test_too_much_chunk_framing() -> None:
    why = "The extensions or trailers of the chunks are too large."
    wire = Server().connect()
    await wire.send(post(b"/read", CHUNKED))
    assert await wire.send(b"2;" + b"a" * (FRAMING_BYTES - 2)) == b""
    assert detail(await wire.send(b"a")) == why
    wire = Server().connect()
    await wire.send(post(b"/read", CHUNKED))
    chunk = b"1;" + b"a" * (FRAMING_BYTES_PER_BYTE - 2) + b"\r\n \r\n"
    excess = len(chunk) - 1 - FRAMING_BYTES_PER_BYTE
    assert await wire.send(chunk * (FRAMING_BYTES // excess)) == b""
    assert detail(await wire.send(chunk)) == why
    wire = Server().connect()  # the limits are checked between slices
    assert detail(await wire.send(post(b"/read", CHUNKED, body=chunk * 100_000))) == why


@pytest.mark.parametrize("size", [1, 7, 10**6])
async def test_chunks_of_one_byte(size: int) -> None:
    wire, answered = Server().connect(), b""
    bodies = [bytes(range(33, 127)) * 100, b"2"]
    for body in bodies:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        data = post(b"/read", CHUNKED, body=chunks + b"0\r\n\r\n")
        for start in range(0, len(data), size):
            wire.protocol.data_received(data[start : start + size])
    answered = await wire.answered()
    assert statuses(answered) == [200, 200]
    for body in bodies:
        assert b"\r\n\r\n/read " + body in answered


async def test_a_large_body_in_one_call() -> None:
    wire, body = Server().connect(), bytes(range(250)) * 400
    length = b"Content-Length: %d" % len(body)
    answered = await wire.send(post(b"/read", length, body=body) + get(b"/after"))
    assert statuses(answered) == [200, 200]
    assert b"/read " + body + b"HTTP/1.1 200 OK" in answered
    assert len(body) > 6 * SLICE_BYTES


async def test_garbage_after_an_upgrade_is_rejected() -> None:
    upgrade = post(
        b"/read", b"Upgrade: h2c", b"Connection: Upgrade", b"Content-Length: 1", body=b"a"
    )
    assert statuses(await Server().connect().send(upgrade + b"\0")) == [200, 400]


async def test_chunks_and_trailers() -> None:
    wire = Server().connect()
    body = b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nHost: trailer\r\nExpect: much\r\n\r\n"
    assert (await wire.send(post(b"/read", CHUNKED, body=body))).endswith(b"/read {}")
    headers = [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
    assert wire.server.application.scopes[0]["headers"] == headers
    assert statuses(await wire.send(get(b"/next"))) == [200]


async def test_the_limit_of_pipelined_requests() -> None:
    wire = Server().connect()
    assert await wire.send(get(b"/wait")) == b""
    assert not wire.is_paused()
    assert await wire.send(get(b"/a") + get(b"/b") * (MAX_PIPELINED - 1)) == b""
    assert wire.is_paused()
    assert await wire.send(get(b"/c") + get(b"/d")) == b""
    wire.server.application.go.set()
    answered = await wire.answered() + await wire.answered() + await wire.answered()
    assert statuses(answered) == [200] * (1 + MAX_PIPELINED) + [400]
    assert detail(answered) == f"A connection may pipeline at most {MAX_PIPELINED} requests."
    paths = [scope["path"] for scope in wire.server.application.scopes]
    assert paths == ["/wait", "/a", *["/b"] * (MAX_PIPELINED - 1)]


async def test_a_body_that_the_application_does_not_read_pauses_reading() -> None:
    wire = Server().connect()
    await wire.send(post(b"/wait", b"Content-Length: 70000", body=b"x" * 65536))
    assert not wire.is_paused()
    await wire.send(b"x")
    assert wire.is_paused()
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]
    assert not wire.is_paused()  # the rest is read and discarded
    assert await wire.send(b"x" * (70000 - 65537)) == b""
    assert statuses(await wire.send(get(b"/next"))) == [200]


async def test_100_continue_is_sent_when_the_body_is_read() -> None:
    wire = Server().connect()
    interim = await wire.send(post(b"/read", b"Content-Length: 2", b"Expect: 100-Continue"))
    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await wire.send(b"{}")).endswith(b"/read {}")
    answered = await wire.send(post(b"/unread", b"Content-Length: 2", b"Expect: 100-continue"))
    assert statuses(answered) == [200]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
async def test_an_upgrade_is_ignored(protocol: bytes) -> None:
    wire = Server().connect()
    headers = [b"Upgrade: " + protocol, b"Connection: Upgrade", b"X-A: b", b"Content-Length: 2"]
    answered = await wire.send(post(b"/read?a", *headers, body=b"{}") + get(b"/next"))
    assert statuses(answered) == [200, 200]
    first, second = wire.server.application.scopes
    assert (first["method"], first["path"], first["query_string"]) == ("POST", "/read", b"a")
    assert first["headers"] == [
        (b"host", b"localhost"),
        (b"connection", b"Upgrade"),
        (b"x-a", b"b"),
        (b"content-length", b"2"),
    ]
    assert second["path"] == "/next"
    assert b"/read {}" in answered
    assert not wire.is_closed()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (get(b"/", b"X-A : b"), "Malformed HTTP: Invalid header token."),
        (
            b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"\r\n",
            "CONNECT is not supported: this service is not a proxy.",
        ),
        (get(b"/#a"), "The target must have no fragment."),
        (get(b"ftp://localhost/"), "The target must be a path, as in GET /health HTTP/1.1."),
        (get(b"http://b/"), "The target and the Host header must name the same host."),
        (get(b"/", b"Host: b"), "The request must have exactly one Host header."),
        (get(b"/", b"Expect: b"), "The only supported expectation is 100-continue."),
    ],
)
async def test_the_detail_of_a_rejection(sent: bytes, expected: str) -> None:
    wire = Server().connect()
    answered = await wire.send(sent)
    assert detail(answered) == expected
    assert await wire.send(get(b"/after")) == b""
    assert wire.server.application.scopes == []

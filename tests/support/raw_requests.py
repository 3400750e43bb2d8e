"""Raw HTTP/1.1 requests: invalid ones and unusual valid ones, each with its expected status."""

HOST = b"Host: localhost\r\n"
# A request hidden in the bytes of another one. If served, it shows as a 404 with this request id.
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


# Each is rejected, and the connection is closed.
REJECTED = {
    "no host": (400, GET + b"\r\n"),
    "two hosts": (400, GET + HOST + HOST + b"\r\n"),
    "two hosts that differ": (400, GET + HOST + b"Host: other\r\n\r\n"),
    "empty host": (400, GET + b"Host:\r\n\r\n"),
    "host with a path": (400, GET + b"Host: a/b\r\n\r\n"),
    "host with a user": (400, GET + b"Host: a@b\r\n\r\n"),
    "blank host": (400, GET + b"Host: \t \r\n\r\n"),
    "host with a space": (400, GET + b"Host: a b\r\n\r\n"),
    "host and a vertical tab": (400, GET + b"Host: a\x0b\r\n\r\n"),
    "host and a form feed": (400, GET + b"Host: a\x0c\r\n\r\n"),
    "host and a no-break space": (400, GET + b"Host: a\xa0\r\n\r\n"),
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
    "chunked and a form feed": (400, coding(b" chunked\x0c")),
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
    "tiny chunks with extensions": (
        400,
        CHUNKED + b"1;a=123456789012\r\n \r\n" * 20_000 + b"0\r\n\r\n",
    ),
    "many trailers": (400, CHUNKED + b"0\r\n" + b"a:\r\n" * 20_000 + b"\r\n"),
    "another expectation": (417, header(b"Expect: 200-ok")),
    "too many headers": (431, header(b"\r\n".join([b"X-A: b"] * 100))),
    "large head": (431, header(b"X-A: " + b"a" * 40_000)),
    "endless head": (431, GET + b"X-A: " + b"a" * 60_000),
    "endless headers": (431, GET + b"a:\r\n" * 5_000),
    "long target": (414, b"GET /" + b"a" * 8_192 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "endless target": (414, b"GET /" + b"a" * 60_000),
}
CLOSE = b"Connection: close\r\n\r\n"
# Each is answered like its usual form.
VALID = {
    "plain": (200, GET + HOST + CLOSE),
    "empty lines before": (200, b"\r\n\r\n" + GET + HOST + CLOSE),
    "white space around a host": (200, GET + b"Host:\t localhost:80\t \r\n" + CLOSE),
    "white space around a length": (
        422,
        POST + b"Content-Length: \t2 \t\r\nConnection:\tclose \t\r\n\r\n{}",
    ),
    "white space around a coding": (
        422,
        POST + b"Transfer-Encoding:\tchunked \r\n" + CLOSE + b"2\r\n{}\r\n0\r\n\r\n",
    ),
    "white space around an expectation": (200, header(b"Expect:\t100-continue \r\n" + CLOSE[:-4])),
    "empty expectation": (200, header(b"Expect: \r\n" + CLOSE[:-4])),
    "several spaces": (200, b"GET  /health/live  HTTP/1.1\r\n" + HOST + CLOSE),
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
    "chunks of one byte": (
        422,
        POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"1\r\n{\r\n" + b"00000001\r\n \r\n" * 50_000 + b"1\r\n}\r\n0\r\n\r\n",
    ),
    "body that is not read": (
        200,
        GET + HOST + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}",
    ),
    "hidden after a close": (200, GET + HOST + CLOSE + HIDDEN),
    "garbage after a close": (200, GET + HOST + CLOSE + b"\0\1\2"),
}

"""Generators of hostile and broken JSON bodies, as (name, body, may be valid).

SECRET is part of values and of unknown names, so that a response that echoes a body is found.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

SECRET = "ZqSecretQz"
CAP = 16 * 1024 * 1024  # bytes of the largest accepted body
Named = Iterator[tuple[str, bytes, bool]]
Json = dict[str, Any]
HOLE = "@HOLE@"

VALUES = {
    "nan": b"NaN",
    "infinity": b"Infinity",
    "minus-infinity": b"-Infinity",
    "1e999": b"1e999",
    "minus-1e999": b"-1e999",
    "exponent": b"1e" + b"9" * 400,
    "long-exponent": b"1e" + b"9" * 100_000,
    "small-exponent": b"1e-" + b"9" * 100_000,
    "minus-zero": b"-0",
    "minus-zero-float": b"-0.0",
    **{f"integer-{10**n}": b"7" * 10**n for n in range(1, 7)},
    "fraction": b"0." + b"7" * 1_000_000,
    "leading-zero": b"01",
    "plus": b"+1",
    "hexadecimal": b"0x1",
    "point": b"1.",
    "underscore": b"1_0",
    "true": b"true",
    "null": b"null",
    "number-as-string": b'"5"',
    "text": b'"%b"' % SECRET.encode(),
    "long-text": b'"%b"' % (SECRET.encode() * 300_000),
    "escaped-text": b'"' + rb"\u001b[31m" * 200_000 + b'"',
    "single-quotes": b"'5'",
    "comment": b"/* 1 */ 5",
    "lone-surrogate": rb'"\ud800"',
    "surrogates-backwards": rb'"\udc00\ud800"',
    "raw-surrogate": b'"\xed\xa0\x80"',
    "cesu-8": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "overlong": b'"\xc0\xaf\xe0\x80\xaf"',
    "bad-utf-8": b'"\xff\xfe\x80"',
    "nul": b"\0",
    "nul-in-text": b'"a\0b"',
    "escaped-nul": rb'"\u0000"',
    "controls": b'"\x1b[31m\x07\x7f"',
    "deep": b"[" * 150 + b"]" * 150,
    "deeper": b"[" * 100_000 + b"]" * 100_000,
    "deep-objects": b'{"a":' * 150 + b"1" + b"}" * 150,
    "twice": b'{"a":1,"a":2}',
    "object": b'{"x":"%b"}' % SECRET.encode(),
    "many": b"[" + b"1," * 200_000 + b"1]",
    "many-objects": b"[" + b"{}," * 200_000 + b"{}]",
    "many-texts": b'["' + b'","'.join([SECRET.encode()] * 100_000) + b'"]',
}
NAMES = {
    "unknown": SECRET,
    "long": SECRET * 10_000,
    "empty": "",
    "control": "\x00\x01\x1b[2J\x07\x7f\x9b",
    "terminal": "\x1b]0;title\x07\x1b[31m",
    "lines": "a\r\nSet-Cookie: a=b\r\n\u2028\u2029\x85",
    "direction": "\u202e\u2066\u200b\ufeff",
    "markup": "</script><img src=x onerror=alert(1)>",
    "plane": "\U0001f600\U000e0001",
    "proto": "__proto__",
    "dots": "../../a.b",
}


def in_place(document: Json) -> Named:
    """Yield a valid document with hostile values in place of HOLE."""
    text = json.dumps(document).encode()
    marked = b'"%b"' % HOLE.encode()
    for name, value in VALUES.items():
        yield f"value-{name}", text.replace(marked, value), True


def names(document: Json) -> Named:
    """Yield a document with unknown and repeated names in each of its objects."""
    for place, (text, inner) in enumerate(objects(document)):
        for name, other in NAMES.items():
            more = json.dumps(other)[1:-1].encode()
            yield f"name-{name}-{place}", text(b'"%b":1,' % more), True
        yield f"name-raw-{place}", text(b'"\x1b\xff":1,'), False
        many = b"".join(b'"%b%06d":0,' % (SECRET.encode() * 20, n) for n in range(10_000))
        yield f"names-{place}", text(many), True
        for name, value in inner.items():
            repeated = b"%b:%b," % (json.dumps(name).encode(), json.dumps(value).encode())
            yield f"twice-{name}-{place}", text(repeated), False
            escaped = "".join(f"\\u{ord(each):04x}" for each in name).encode()
            yield f"twice-escaped-{name}-{place}", text(b'"%b":[],' % escaped), False


def objects(document: Any) -> Iterator[tuple[Callable[[bytes], bytes], Json]]:
    """Yield each object of a document, with a function that inserts text at its beginning."""
    whole = json.dumps(document).encode()
    at = -1
    for inner in walk(document):
        at = whole.index(b"{", at + 1)
        yield partial(_insert, whole, at + 1), inner


def _insert(text: bytes, at: int, more: bytes) -> bytes:
    return text[:at] + more + text[at:]


def walk(document: Any) -> Iterator[Json]:
    """Yield the objects of a document in the order of its text."""
    if isinstance(document, dict):
        yield document
    for each in document.values() if isinstance(document, dict) else document:
        if isinstance(each, dict | list):
            yield from walk(each)


def documents(document: Json) -> Named:
    """Yield a valid document cut, in other encodings, and with text around it."""
    text = json.dumps(document)
    good = text.encode()
    for length in range(1, len(good)):
        yield f"cut-{length}", good[:length], False
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7"):
        yield f"encoding-{encoding}", text.encode(encoding), encoding == "utf-7"
    for number, tail in enumerate((b"x", b"{}", b"\0", b",", b"]", b"//", b"\xff", good)):
        yield f"tail-{number}", good + tail, False
        yield f"head-{number}", tail + good, False
    yield "comma", good[:-1] + b",}", False
    yield "single-quotes", good.replace(b'"', b"'"), False
    yield "comment", b"/* */" + good, False
    yield "in-array", b"[" + good + b"]", False
    yield "in-text", json.dumps(text).encode(), False
    yield "spaced", b" " * (CAP - len(good)) + good, True
    yield "space", b" " * CAP, False
    yield "lines", b"\r\n" * (CAP // 2), False
    for name, scalar in VALUES.items():
        yield f"alone-{name}", scalar, True


def large(keys: list[str]) -> Named:
    """Yield bodies of the maximum size, plain and within each of the keys."""
    units = {"arrays": b"[],", "objects": b"{},", "numbers": b"1,", "nulls": b"null,"}
    units |= {
        "texts": b'"",',
        "nested": b"[[[]]],",
        "named": b'{"a":1},',
        "nines": b"9" * 4000 + b",",
    }
    for name, unit in units.items():
        count = (CAP - 100) // len(unit)
        array = b"[" + unit * count + unit[:-1] + b"]"
        yield f"large-{name}", array, False
        for key in keys:
            yield f"large-{name}-{key}", b'{"%b":%b}' % (key.encode(), array), False
            row = b"[[" + unit * count + unit[:-1] + b"]]"
            yield f"large-row-{name}-{key}", b'{"%b":%b}' % (key.encode(), row), False
    for key in keys:
        yield f"deep-{key}", b'{"%b":%b' % (key.encode(), b"[" * (CAP - 20)), False
        yield f"long-{key}", b'{"%b":"%b"}' % (key.encode(), b"x" * (CAP - 50)), False
    yield "deep-arrays", b"[" * CAP, False
    yield "deep-objects", b'{"a":' * (CAP // 5), False
    yield "many-names", many_names(), True
    yield "one-name", b"{" + b'"a":0,' * (CAP // 6 - 1) + b'"a":0}', False


@cache
def many_names() -> bytes:
    """Return an object of the maximum size with short and different names."""
    return b"{" + b",".join(b'"%08x":0' % n for n in range(CAP // 13)) + b"}"


def broken(document: Json, keys: list[str] | None) -> Named:
    """Yield all bodies for a route.

    Args:
        document: A valid body with HOLE in place of a value.
        keys: Keys of the body that hold arrays; None leaves out the large bodies.
    """
    yield "empty", b"", True
    yield from in_place(document)
    yield from names(document)
    yield from documents(document)
    if keys is not None:
        yield from large(keys)

"""service/protocol/known_heads.py: which heads are kept, and what is recognised by their bytes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.protocol.direct_requests import Responder
from service.protocol.known_heads import MAX_BYTES, MAX_HEADS, KnownHeads

HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


class Accepting:
    """A handler that is never called."""

    def start(self, body: bytes, responder: Responder) -> bool:
        raise AssertionError(body, responder)


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {
        "http_version": "1.1",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "query_string": b"",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
    }


def known(data: bytes, *headers: tuple[bytes, bytes]) -> KnownHeads:
    heads = KnownHeads()
    heads.add(data, scope(*headers), Accepting())
    return heads


LENGTH = (b"content-length", b"2")


def test_a_head_is_recognised_with_any_body_of_its_length() -> None:
    heads = known(HEAD % 2 + b"{}", (b"host", b"a"), LENGTH)
    found = heads.split(HEAD % 2 + b"[]")
    assert found is not None
    assert found[1] == b"[]"
    assert found[0].scope_fields == {
        name: value for name, value in scope((b"host", b"a"), LENGTH).items() if name != "client"
    }


@pytest.mark.parametrize(
    "data",
    [
        HEAD % 2,
        HEAD % 2 + b"{",
        HEAD % 2 + b"{} ",
        HEAD % 2 + b"{}" + HEAD % 2 + b"{}",
        HEAD % 3 + b"{} ",
        b"\r\n" + HEAD % 2 + b"{}",
        (HEAD % 2).replace(b"Host: a", b"Host: b") + b"{}",
        (HEAD % 2).replace(b"Host", b"host") + b"{}",
        (HEAD % 2).replace(b"/predict", b"/predict?threshold=1") + b"{}",
        (HEAD % 2).replace(b"/predict", b"/models") + b"{}",
        b"",
    ],
)
def test_other_bytes_are_not_recognised(data: bytes) -> None:
    assert known(HEAD % 2 + b"{}", (b"host", b"a"), LENGTH).split(data) is None


@given(st.binary(max_size=200))
def test_no_other_data_are_recognised(data: bytes) -> None:
    head = HEAD % 2
    heads = known(head + b"{}", (b"host", b"a"), LENGTH)
    assert (heads.split(data) is not None) == (data[:-2] == head)
    assert heads.split(head + data) is None or len(data) == 2


@pytest.mark.parametrize(
    "name",
    [
        *(b"authorization", b"cookie", b"expect", b"traceparent", b"transfer-encoding"),
        *(b"upgrade", b"x-api-key", b"x-request-id"),
    ],
)
def test_heads_with_other_headers_are_not_kept(name: bytes) -> None:
    data = HEAD % 2 + b"{}"
    assert known(data, LENGTH, (name, b"a")).split(data) is None
    assert known(data, LENGTH).split(data) is not None


def test_heads_with_a_repeated_header_are_not_kept() -> None:
    data = HEAD % 2 + b"{}"
    assert known(data, LENGTH, (b"accept", b"a"), (b"accept", b"b")).split(data) is None


def test_data_with_more_or_less_than_a_request_are_not_kept() -> None:
    for body in (b"", b"{", b"{} "):
        data = HEAD % 2 + body
        assert known(data, LENGTH).split(data) is None


def test_long_heads_are_not_kept() -> None:
    for size, is_kept in ((MAX_BYTES - 100, True), (MAX_BYTES, False)):
        data = (HEAD % 2).replace(b"Host: a", b"Host: " + b"a" * size) + b"{}"
        assert (known(data, LENGTH).split(data) is not None) == is_kept


def test_the_number_of_heads_is_bounded() -> None:
    heads = KnownHeads()
    for number in range(2 * MAX_HEADS + 1):
        data = (HEAD % 2).replace(b"Host: a", b"Host: %d" % number) + b"{}"
        heads.add(data, scope(LENGTH), Accepting())
        assert heads.split(data) is not None
        assert len(heads._heads) <= MAX_HEADS

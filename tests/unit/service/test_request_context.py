"""service/request_context.py: which request ids of clients are taken."""

import pytest

from service.request_context import given_request_id


def given(value: bytes) -> bytes | None:
    return given_request_id({"headers": [(b"host", b"a"), (b"x-request-id", value)]})


@pytest.mark.parametrize(
    "value",
    [
        b"a",
        b"0af7651916cd43dd8448eb211c80319c",
        b"7b1a6a3e-9a4e-4c6f-9d1e-3f2a9c41d07b",
        b"urn:uuid:7b1a6a3e-9a4e-4c6f-9d1e-3f2a9c41d07b",
        b"q83vEjRWeJASNFZ4kBI0Vg==",
        b"a+b/c=",
        b"Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1",
        b"|4bf92f3577b34da6a3ce929d0e0e4736.1_2.",
        b"gateway-1#42:7",
        b"job@host~3",
        b"a" * 128,
    ],
)
def test_ids_that_other_programs_make(value: bytes) -> None:
    assert given(value) == value


@pytest.mark.parametrize("character", [*b' \t\r\n\0\x7f"\\\\\xe9\xff', *b"',<>&%$(){}[]`^!*?"])
def test_characters_with_a_meaning_elsewhere(character: int) -> None:
    assert given(b"a%cb" % character) is None


@pytest.mark.parametrize("value", [b"", b"a" * 129])
def test_ids_of_other_lengths(value: bytes) -> None:
    assert given(value) is None

"""service/compression/accept_encoding.py: weights of codings, and what is excluded."""

from collections.abc import Iterator

import pytest

from service.compression import accept_encoding
from service.compression.accept_encoding import AcceptedCoding, accepted_coding
from service.problems import Problem


@pytest.fixture(autouse=True)
def zstd(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install zstd, or so it seems."""
    monkeypatch.setattr(accept_encoding, "zstd_module", lambda: accept_encoding)
    accept_encoding._parse.cache_clear()
    yield
    accept_encoding._parse.cache_clear()  # for the other tests of this process


def header(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"a"), *((b"accept-encoding", value.encode()) for value in values)]


@pytest.mark.parametrize(
    ("values", "coding", "required"),
    [
        ([], None, False),
        ([""], None, False),
        (["identity"], None, False),
        (["br, deflate"], None, False),
        (["gzip;q=0"], None, False),
        (["gzip;q=0, *"], None, False),
        (["gzip"], "gzip", False),
        (["x-gzip"], "gzip", False),
        (["GZIP ; Q=0.1"], "gzip", False),
        (["gzip, deflate, br, zstd"], "zstd", False),  # Chromium
        (["gzip;q=1.0, zstd;q=0.5"], "gzip", False),
        (["gzip;q=0.5", "zstd;q=0.8"], "zstd", False),
        (["*"], "gzip", False),
        (["*;q=0.1"], "gzip", False),
        (["gzip;q=0.5, identity;q=0.8"], None, False),
        (["gzip;q=0.5, identity;q=0.5"], "gzip", False),
        (["gzip;q=0.5, *;q=0.8"], None, False),
        (["*;q=0, identity"], None, False),
        (["gzip, identity;q=0"], "gzip", True),
        (["gzip;q=0.1, *;q=0"], "gzip", True),
        (["zstd, identity;q=0"], "zstd", True),
        (["identity;q=0, *"], "gzip", True),
    ],
)
def test_the_best_coding(values: list[str], coding: str | None, required: bool) -> None:
    assert accepted_coding(header(*values)) == AcceptedCoding(coding, required)


@pytest.mark.parametrize("value", ["identity;q=0", "*;q=0", "br, identity;q=0", "gzip;q=0, *;q=0"])
def test_nothing_is_acceptable(value: str) -> None:
    with pytest.raises(Problem, match=r"406: .* which Accept-Encoding excludes"):
        accepted_coding(header(value))


def test_zstd_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept_encoding, "zstd_module", lambda: None)
    assert accepted_coding(header("zstd, gzip;q=0.1")).name == "gzip"
    assert accepted_coding(header("zstd")).name is None

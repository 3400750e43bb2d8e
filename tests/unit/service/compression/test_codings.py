"""service/compression/codings.py: the header Content-Encoding."""

import pytest

from service.compression import codings
from service.compression.codings import coding_of
from service.problems import Problem


def header(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"a"), *((b"content-encoding", value.encode()) for value in values)]


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        ([], None),
        ([""], None),
        (["identity"], None),
        (["Identity, identity", ","], None),
        (["gzip"], "gzip"),
        (["GZip"], "gzip"),
        (["x-gzip"], "gzip"),
        (["X-GZIP , identity"], "gzip"),
        (["identity", "deflate"], "deflate"),
        (["\tdeflate ,"], "deflate"),
    ],
)
def test_names(values: list[str], coding: str | None) -> None:
    assert coding_of(header(*values)) == coding


@pytest.mark.parametrize(
    "values", [["br"], ["gzip, gzip"], ["gzip", "deflate"], ["gzip;q=1"], ["aws-chunked,gzip"]]
)
def test_other_values_are_rejected(values: list[str]) -> None:
    with pytest.raises(Problem, match="415: The body may be compressed once, as gzip or ") as found:
        coding_of(header(*values))
    assert (found.value.headers or {})["Accept-Encoding"].startswith("gzip, deflate")


@pytest.mark.parametrize("installed", [False, True])
def test_zstd_needs_its_extra(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    monkeypatch.setattr(codings, "zstd_module", lambda: codings if installed else None)
    if installed:
        assert coding_of(header("zstd")) == "zstd"
        return
    with pytest.raises(Problem, match=r"pip install 'malignancy\[zstd\]'") as problem:
        coding_of(header("zstd"))
    assert problem.value.headers == {"Accept-Encoding": "gzip, deflate"}

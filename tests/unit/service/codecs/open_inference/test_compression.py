"""service/codecs/open_inference/compression.py: whole streams, inflated piece by piece."""

import gzip
import random
import zlib
from collections.abc import Callable

import pytest

from service.codecs.open_inference import compression
from service.codecs.open_inference.compression import PIECE_BYTES, decompress
from service.problems import Problem

SIZES = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES]
CONTENTS: dict[str, Callable[[int], bytes]] = {
    "zeros": bytes,
    "random": random.Random(0).randbytes,
}
PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("size", SIZES)
def test_a_stream_is_inflated(encoding: str, content: str, size: int) -> None:
    plain = CONTENTS[content](size)
    assert decompress(PACK[encoding](plain), encoding, size) == plain
    if size:
        with pytest.raises(Problem, match=f"413: .* at most {size - 1} bytes when inflated"):
            decompress(PACK[encoding](plain), encoding, size - 1)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("size", SIZES)
def test_every_piece_is_charged_before_it_is_inflated(content: str, size: int) -> None:
    plain, charged = CONTENTS[content](size), 0

    def charge(size: int) -> None:
        nonlocal charged
        charged += size

    decompress(gzip.compress(plain), "gzip", size, charge)
    assert charged >= 2 * size  # in pieces, and joined

    def refuse(size: int) -> None:
        charge(size)
        if charged > PIECE_BYTES:
            raise Problem(503)

    charged = 0
    if size > PIECE_BYTES:
        with pytest.raises(Problem, match="503"):
            decompress(gzip.compress(plain), "gzip", size, refuse)
        assert charged <= 2 * PIECE_BYTES


@pytest.mark.parametrize("size", [1, 100, 3 * PIECE_BYTES])
def test_a_stream_must_be_whole_and_alone(size: int) -> None:
    stream = gzip.compress(random.Random(1).randbytes(size))
    for wrong in (stream[:-1], stream[: size // 2 + 10], stream + b"x", stream + stream):
        with pytest.raises(Problem, match="400: The body must be one whole gzip stream"):
            decompress(wrong, "gzip", 10 * size)
    for wrong in (b"x" + stream, stream[:-8] + bytes(8)):
        with pytest.raises(Problem, match="400: The body is not compressed as gzip"):
            decompress(wrong, "gzip", 10 * size)


def test_a_lack_of_memory_is_no_fault_of_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        eof = False

        def decompress(self, *_: object) -> bytes:
            raise zlib.error("Error -4 while decompressing data")  # Z_MEM_ERROR

    monkeypatch.setattr(compression.zlib, "decompressobj", lambda *_: Full())  # type: ignore[attr-defined]
    with pytest.raises(MemoryError):
        decompress(b"x", "gzip", 1)

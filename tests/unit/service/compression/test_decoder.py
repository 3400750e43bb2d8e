"""service/compression/decoder.py: members, limits of each step, and malformed bodies."""

import random
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compressed import FORMATS, zstd_frame

from service.compression.codings import zstd_module
from service.compression.decoder import SLACK_BYTES, Decoder
from service.problems import Problem

PART_BYTES: Final = 30_000


every_format = pytest.mark.parametrize(("coding", "compress"), FORMATS.values(), ids=FORMATS)
several_members = pytest.mark.parametrize(
    ("coding", "compress"), [FORMATS[name] for name in ("gzip", "zstd") if name in FORMATS]
)
needs_zstd = pytest.mark.skipif(zstd_module() is None, reason="the extra zstd is not installed")


def decode(coding: str, body: bytes, cuts: list[int], max_bytes: int) -> bytes:
    """Decode a body that arrives in parts, and check the limit of each step."""
    decoder, decoded = Decoder(coding), b""
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(body)], strict=True):
        decoder.feed(body[start:end])
        while not decoder.needs_input:
            step = decoder.read(max_bytes)
            assert len(step) <= max_bytes
            decoded += step
    decoder.finish()
    return decoded


@every_format
@given(st.data())
def test_any_content_in_any_parts_is_decoded(
    coding: str, compress: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    content = data.draw(st.binary() | st.integers(0, 5000).map(bytes))
    body = compress(content)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=5))
    assert decode(coding, body, cuts, data.draw(st.integers(1, 3000))) == content


@several_members
@given(st.data())
def test_members_follow_one_another(
    coding: str, compress: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    contents = data.draw(st.lists(st.binary(max_size=100), min_size=1, max_size=5))
    body = b"".join(map(compress, contents))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=5))
    assert decode(coding, body, cuts, 50) == b"".join(contents)


@needs_zstd
def test_a_skippable_frame_of_zstd_has_no_content() -> None:
    skippable = b"\x50\x2a\x4d\x18\x02\0\0\0ab"
    assert decode("zstd", skippable + zstd_frame(b"content") + skippable, [4], 100) == b"content"


@every_format
@given(st.data())
def test_a_part_of_a_body_is_malformed(
    coding: str, compress: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    body = compress(data.draw(st.binary()))
    length = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(Problem, match=f"400: The body ends before its {coding} stream does"):
        decode(coding, body[:length], [], 1000)


@every_format
def test_other_bytes_are_malformed(coding: str, compress: Callable[[bytes], bytes]) -> None:
    body = compress(b"content")
    bodies = [b"content", b"{}", b"\xff" + body, body + b"\xff", body[:-1] + b"\xff" * 9]
    if coding == "deflate":
        bodies.append(body + body)
    for wrong in bodies:
        with pytest.raises(Problem) as problem:
            decode(coding, wrong, [], 1000)
        assert problem.value.status == 400
        assert coding in problem.value.detail


@several_members
def test_members_without_content_do_not_go_on_forever(
    coding: str, compress: Callable[[bytes], bytes]
) -> None:
    empty = compress(b"")
    count = SLACK_BYTES // len(empty)
    assert decode(coding, empty * count, [], 100) == b""
    with pytest.raises(Problem, match="400: The compressed body is larger than twice its content"):
        decode(coding, empty * (count + 1), [], 100)


@every_format
def test_what_is_held_is_known(coding: str, compress: Callable[[bytes], bytes]) -> None:
    body = compress(random.Random(0).randbytes(300_000) * 40)
    decoder = Decoder(coding)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for start in range(0, len(body), PART_BYTES):
            decoder.feed(body[start : start + PART_BYTES])
            while not decoder.needs_input:
                decoder.read(100_000)
                held = tracemalloc.get_traced_memory()[0] - before
                assert held <= decoder.held_bytes + PART_BYTES  # input that is not consumed
    finally:
        tracemalloc.stop()


@needs_zstd
def test_a_window_of_zstd_that_is_too_large_is_rejected() -> None:
    zstd = zstd_module()
    parameter = zstd.CompressionParameter
    for window_log, status in ((23, 0), (24, 400)):
        compressor = zstd.ZstdCompressor(options={parameter.window_log: window_log})
        body = compressor.compress(bytes(1000)) + compressor.flush()
        if status:
            with pytest.raises(Problem, match="400: The body is not compressed as zstd"):
                decode("zstd", body, [], 1000)
        else:
            assert decode("zstd", body, [], 1000) == bytes(1000)


def test_a_lack_of_memory_is_no_fault_of_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def decompress(self, *_: object) -> bytes:
            raise zlib.error("Error -4 while decompressing data")  # Z_MEM_ERROR

    monkeypatch.setattr(zlib, "decompressobj", lambda *_: Full())
    decoder = Decoder("gzip")
    decoder.feed(b"x")
    with pytest.raises(MemoryError):
        decoder.read(1)

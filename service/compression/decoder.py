"""Decoder of a compressed body, in steps whose input, output and time are limited."""

import zlib
from typing import Any, Final

from service.compression.codings import DEFLATE, GZIP, ZSTD, zstd_module
from service.problems import Problem

OUT_OF_MEMORY: Final = "Error -4 "  # the start of zlib's text for Z_MEM_ERROR
GZIP_BITS: Final = 16 + zlib.MAX_WBITS
ZLIB_METHOD: Final = 8  # the lower half of the first byte of a zlib header
ZSTD_WINDOW_LOG: Final = 23  # windows of at most 8 MiB (RFC 9659)
SLACK_BYTES: Final = 64 * 1024  # of the input, beyond twice the output

# Memory of a decoder in bytes, and of its window, which the output fills.
STATE_BYTES: Final = {GZIP: 16 * 1024, DEFLATE: 16 * 1024, ZSTD: 512 * 1024}
WINDOW_BYTES: Final = {GZIP: 32 * 1024, DEFLATE: 32 * 1024, ZSTD: 1 << ZSTD_WINDOW_LOG}


class Decoder:
    """Undoes one content coding.

    gzip and zstd may have several members or frames. As clients differ, deflate is a zlib stream or
    a raw one: the first byte of a zlib header never begins a raw stream of a compressor.

    Args:
        coding: One of STATE_BYTES.

    Attributes:
        needs_input: True if the next output needs more input.
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: Any = None  # of the current member
        self._input = b""
        self._complete = False  # the last member is
        self._received = self._decoded = 0
        self.needs_input = True

    @property
    def held_bytes(self) -> int:
        """Memory in bytes, without input and output."""
        return STATE_BYTES[self._coding] + min(self._decoded, WINDOW_BYTES[self._coding])

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body, when the decoder needs input."""
        self._input = data
        self._received += len(data)
        self.needs_input = not data

    def read(self, max_bytes: int) -> bytes:
        """Return the next decoded bytes, none if that needs more input.

        Args:
            max_bytes: Maximum number of bytes.

        Raises:
            Problem: The body is malformed (400).
        """
        while not self.needs_input:
            if self._stream is None:
                self._begin_member()
            output = self._decompress(max_bytes)
            may_have_more = self._stream is not None and len(output) == max_bytes
            self.needs_input = not self._input and not may_have_more
            self._decoded += len(output)
            if self._received > 2 * self._decoded + SLACK_BYTES:
                raise Problem(400, "The compressed body is larger than twice its content.")
            if output:
                return output
        return b""

    def finish(self) -> None:
        """Check that the body has ended where its last member does. Raises Problem (400)."""
        if not self._complete:
            raise Problem(400, f"The body ends before its {self._coding} stream does.")

    def _begin_member(self) -> None:
        if self._complete and self._coding == DEFLATE:
            raise Problem(400, "The body goes on after the end of its deflate stream.")
        self._complete = False
        if self._coding == ZSTD:
            zstd = zstd_module()
            options = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
            self._stream = zstd.ZstdDecompressor(options=options)
        elif self._coding == GZIP:
            self._stream = zlib.decompressobj(GZIP_BITS)
        else:
            is_zlib = self._input[0] & 0xF == ZLIB_METHOD
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)

    def _decompress(self, max_bytes: int) -> bytes:
        stream = self._stream
        try:
            output: bytes = stream.decompress(self._input, max_bytes)
        except MemoryError:
            raise
        except Exception as error:  # of zlib or zstd
            if str(error).startswith(OUT_OF_MEMORY):
                raise MemoryError from None
            raise Problem(400, f"The body is not compressed as {self._coding}.") from None
        if stream.eof:
            self._input, self._stream, self._complete = stream.unused_data, None, True
        else:  # a decompressor of zstd keeps its input
            self._input = getattr(stream, "unconsumed_tail", b"")
        return output

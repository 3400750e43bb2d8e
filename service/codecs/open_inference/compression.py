"""Decompression of request bodies (gzip, deflate) up to a size limit."""

import zlib
from typing import Final

from service.codecs.charge import Charge, uncharged
from service.problems import Problem

# HTTP content codings and zlib's window bits for them.
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
ENCODINGS = tuple(_WINDOW_BITS)
PIECE_BYTES: Final = 256 * 1024
OUT_OF_MEMORY: Final = "Error -4 "  # the start of zlib's text for Z_MEM_ERROR


def decompress(body: bytes, encoding: str, max_bytes: int, charge: Charge = uncharged) -> bytes:
    """Decompress a body in pieces, and stop at the size limit.

    Args:
        body: The compressed body.
        encoding: One of ENCODINGS.
        max_bytes: Limit of the decompressed size; at most one piece beyond it is inflated.
        charge: Called with the size of each piece, and of the copy that joins them.

    Raises:
        Problem: 400 for a malformed stream, 413 for a body above the limit.
    """
    inflater = zlib.decompressobj(_WINDOW_BITS[encoding])
    pieces: list[bytes] = []
    size = 0
    for start in range(0, len(body), PIECE_BYTES):
        if inflater.eof:
            raise _incomplete(encoding)
        packed, more = body[start : start + PIECE_BYTES], True
        while more:
            charge(PIECE_BYTES)
            pieces.append(_inflate(inflater, packed, encoding))
            size += len(pieces[-1])
            if size > max_bytes:
                raise Problem(413, f"The body must have at most {max_bytes} bytes when inflated.")
            packed = inflater.unconsumed_tail
            more = bool(packed) or len(pieces[-1]) == PIECE_BYTES
    if not inflater.eof or inflater.unused_data:
        raise _incomplete(encoding)
    charge(size)
    return b"".join(pieces)


def _inflate(inflater: "zlib._Decompress", packed: bytes, encoding: str) -> bytes:
    try:
        return inflater.decompress(packed, PIECE_BYTES)
    except zlib.error as error:
        if str(error).startswith(OUT_OF_MEMORY):
            raise MemoryError from None
        raise Problem(400, f"The body is not compressed as {encoding}.") from None


def _incomplete(encoding: str) -> Problem:
    return Problem(400, f"The body must be one whole {encoding} stream.")

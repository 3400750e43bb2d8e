"""Decompression of request bodies (gzip, deflate) up to a size limit."""

import zlib

from service.problems import Problem

# HTTP content codings and zlib's window bits for them.
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
ENCODINGS = tuple(_WINDOW_BITS)


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Decompress a body and stop at the size limit.

    Args:
        body: The compressed body.
        encoding: One of ENCODINGS.
        max_bytes: Limit of the decompressed size; at most one byte beyond it is inflated.

    Raises:
        Problem: 400 for a malformed stream, 413 for a body above the limit.
    """
    inflater = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        plain = inflater.decompress(body, max_bytes + 1)
    except zlib.error:
        raise Problem(400, f"The body is not compressed as {encoding}.") from None
    if len(plain) > max_bytes:
        raise Problem(413, f"The body must have at most {max_bytes} bytes when inflated.")
    if not inflater.eof or inflater.unused_data:
        raise Problem(400, f"The body must be one whole {encoding} stream.")
    return plain

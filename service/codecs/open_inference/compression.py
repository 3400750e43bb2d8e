"""A request's body as it was before it was compressed."""

import zlib

from service.problems import Problem

# What zlib calls the formats that HTTP names.
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
ENCODINGS = tuple(_WINDOW_BITS)


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body, of at most max_bytes, of which no more is inflated. Raises Problem (400, 413)."""
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

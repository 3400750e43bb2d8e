"""Split a large JSON body into chunks of whole rows.

A call of the parser holds the interpreter until it returns. Between chunks, other requests are
answered.
"""

import re
from collections.abc import Iterator
from typing import Final

MIN_BYTES: Final = 4 * 1024  # of a body that is split; each chunk takes some time
CHUNK_BYTES: Final = 32 * 1024
MAX_ROW_BYTES: Final = 1024 * 1024

_SPACE: Final = rb"[ \t\r\n]*+"
_BEGIN: Final = re.compile(
    rb'%(s)b\{%(s)b"instances"%(s)b:%(s)b\[%(s)b(?=([\[{]))' % {b"s": _SPACE}
)
_END: Final = re.compile(rb"\]%(s)b\}%(s)b\Z" % {b"s": _SPACE})
_MAX_END_BYTES: Final = 1000
# The comma between two arrays, or between two objects.
_BETWEEN: Final = {
    b"[": re.compile(rb"(?<=\])%(s)b,%(s)b(?=\[)" % {b"s": _SPACE}),
    b"{": re.compile(rb"(?<=\})%(s)b,%(s)b(?=\{)" % {b"s": _SPACE}),
}


def split_body(body: bytes) -> Iterator[bytes] | None:
    """Split {"instances": [row, …]} into JSON arrays of rows.

    The chunks leave out the commas between them and the frame around the rows. If every chunk is a
    JSON array of rows, then the body is valid JSON with all of these rows. In an invalid body a cut
    may be at another place; then a chunk is not an array of rows.

    Args:
        body: The request body.

    Returns:
        The chunks, of about 32 KiB; None for a body below 4 KiB, a body of another form, or one
        with a row over 1 MiB.
    """
    if len(body) < MIN_BYTES:
        return None
    begin = _BEGIN.match(body)
    end = _END.search(body, max(0, len(body) - _MAX_END_BYTES))
    if begin is None or end is None:
        return None
    between = _BETWEEN[begin[1]]
    start, stop = begin.end(), end.start()
    cuts = []
    while cut := between.search(body, start + CHUNK_BYTES, start + CHUNK_BYTES + MAX_ROW_BYTES):
        if cut.end() > stop:
            break
        cuts.append((start, cut.start()))
        start = cut.end()
    if stop - start > CHUNK_BYTES + MAX_ROW_BYTES:
        return None
    cuts.append((start, stop))
    return (b"[%b]" % body[start:stop] for start, stop in cuts)

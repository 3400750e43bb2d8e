"""A large body in pieces of whole rows, so that no one call holds the interpreter for long: other
requests are answered in between.
"""

import re
from typing import Final

PIECE_BYTES: Final = 32 * 1024
LONGEST_ROW: Final = 1024 * 1024

_SPACE: Final = rb"[ \t\r\n]*+"
_BEGIN: Final = re.compile(
    rb'%(s)b\{%(s)b"instances"%(s)b:%(s)b\[%(s)b(?=([\[{]))' % {b"s": _SPACE}
)
_END: Final = re.compile(rb"\]%(s)b\}%(s)b\Z" % {b"s": _SPACE})
_LONGEST_BEGIN: Final = 100
_LONGEST_END: Final = 1000
# Between two rows that are arrays, or two that are objects.
_BETWEEN: Final = {
    b"[": re.compile(rb"(?<=\])%(s)b,%(s)b(?=\[)" % {b"s": _SPACE}),
    b"{": re.compile(rb"(?<=\})%(s)b,%(s)b(?=\{)" % {b"s": _SPACE}),
}


def split_body(body: bytes) -> list[bytes] | None:
    """Arrays of rows, as JSON text, that together are the rows of {"instances": [row, …]}; None for
    a body of another form, or with a row that is too long.

    If every piece is an array of at least one row, then so is the body, of all of their rows: what
    is left out are the commas between rows, and the frame around them. A cut that was none (there
    may be anything in a bad body) leaves pieces that are no arrays of rows.
    """
    if body.find(b'"instances"', 0, _LONGEST_BEGIN) < 0:  # one case: the most frequent body
        return None
    begin = _BEGIN.match(body)
    end = _END.search(body, max(0, len(body) - _LONGEST_END))
    if begin is None or end is None:
        return None
    between = _BETWEEN[begin[1]]
    start, stop = begin.end(), end.start()
    pieces = []
    while cut := between.search(body, start + PIECE_BYTES, start + PIECE_BYTES + LONGEST_ROW):
        if cut.end() > stop:
            break
        pieces.append(b"[%b]" % body[start : cut.start()])
        start = cut.end()
    if stop - start > PIECE_BYTES + LONGEST_ROW:
        return None
    pieces.append(b"[%b]" % body[start:stop])
    return pieces

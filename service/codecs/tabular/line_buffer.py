"""A body of lines, in whole lines."""

import numpy as np

from service.problems import Problem

MAX_LINE_BYTES = 64 * 1024


class LineBuffer:
    """Takes pieces cut anywhere, gives whole lines. Raises Problem (413) for one that is too long.

    universal: a carriage return, alone or before the newline, ends a line too.
    """

    def __init__(self, *, universal: bool) -> None:
        self._universal = universal
        self._rest = b""
        self._held_return = b""

    def feed(self, piece: bytes) -> bytes:
        """The lines that are whole now, each with its newline; perhaps none."""
        if self._universal:
            piece = self._held_return + piece
            self._held_return = b"\r" if piece.endswith(b"\r") else b""
            piece = piece.removesuffix(b"\r")
            if b"\r" in piece:
                piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = piece.rfind(b"\n") + 1
        if not end:
            self._rest += piece
            check_line_length(len(self._rest))
            return b""
        whole = self._rest + piece[:end]
        self._rest = piece[end:]
        check_line_length(len(self._rest))
        ends = np.flatnonzero(np.frombuffer(whole, np.uint8) == ord("\n"))
        check_line_length(int(np.diff(ends, prepend=-1).max()) - 1)
        return whole

    def finish(self) -> bytes:
        """The last line, which needs no newline; it gets one."""
        return self._rest + b"\n" if self._rest else b""


def check_line_length(size: int, what: str = "A line") -> None:
    """Raise Problem (413) for more than a line may have."""
    if size > MAX_LINE_BYTES:
        raise Problem(413, f"{what} must have at most {MAX_LINE_BYTES} bytes.")


def decode_lines(lines: bytes) -> str:
    """UTF-8 text. Raises Problem (400)."""
    try:
        return lines.decode()
    except UnicodeDecodeError:
        raise Problem(400, "The body is malformed: it is not UTF-8 text.") from None

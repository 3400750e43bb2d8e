"""Split a body into complete lines."""

import numpy as np

from model.prediction.predictor import PIECE_NUMBERS
from service.codecs.byte_order_mark import without_mark
from service.problems import Problem

MAX_LINE_BYTES = 64 * 1024

# Memory in bytes, measured.
CHARACTER_BYTES = 36  # cells, of which short ones take most
ROW_BYTES = 800  # its errors
NUMBER_BYTES = 64


class LineBuffer:
    """Assembles complete lines from chunks, without a byte order mark before the first one.

    Methods raise Problem: 413 for a line over 64 KiB, 400 for the mark of another encoding.

    Args:
        universal: Whether a carriage return, alone or before a newline, also ends a line.
    """

    def __init__(self, *, universal: bool) -> None:
        self._universal = universal
        self._rest = b""
        self._held_return = b""
        self._has_begun = False

    @property
    def held_bytes(self) -> int:
        """Size of the incomplete line."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> bytes:
        """Return the complete lines, each with its newline; may be empty."""
        if self._universal:
            chunk = self._held_return + chunk
            self._held_return = b"\r" if chunk.endswith(b"\r") else b""
            chunk = chunk.removesuffix(b"\r")
            if b"\r" in chunk:
                chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._rest += chunk
            check_line_length(len(self._rest))
            return b""
        lines = self._without_mark(self._rest + chunk[:end])
        self._rest = chunk[end:]
        check_line_length(len(self._rest))
        ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n"))
        check_line_length(int(np.diff(ends, prepend=-1).max()) - 1)
        return lines

    def finish(self) -> bytes:
        """Return the last line, with a newline added."""
        rest = self._without_mark(self._rest)
        return rest + b"\n" if rest else b""

    def _without_mark(self, lines: bytes) -> bytes:
        is_first, self._has_begun = not self._has_begun, True
        return without_mark(lines) if is_first else lines


def text_bytes(lines: bytes, features: int) -> int:
    """Return an upper limit of the memory that parsing the rows of a text takes, in bytes.

    Args:
        lines: Complete lines.
        features: Number of features of the model.
    """
    rows = lines.count(b"\n")
    numbers = min(rows * features, PIECE_NUMBERS)
    return CHARACTER_BYTES * len(lines) + ROW_BYTES * rows + NUMBER_BYTES * numbers


def check_line_length(size: int, what: str = "A line") -> None:
    """Reject a line that is too long.

    Args:
        size: Size of the line, in bytes.
        what: Subject of the error text.

    Raises:
        Problem: The line has more than 64 KiB (413).
    """
    if size > MAX_LINE_BYTES:
        raise Problem(413, f"{what} must have at most {MAX_LINE_BYTES} bytes.")


def decode_lines(lines: bytes) -> str:
    """Decode UTF-8 text. Raises Problem (400)."""
    try:
        return lines.decode()
    except UnicodeDecodeError:
        raise Problem(400, "The body is malformed: it is not UTF-8 text.") from None

"""Names of answers and rows: UUIDs of version 7, and subjects as keyed digests."""

import hashlib
import hmac
import os
import re
import threading
from collections.abc import Sequence
from time import time_ns
from typing import Final

ID_BYTES: Final = 16
_MILLISECOND: Final = 1_000_000  # in nanoseconds
_MAX_COUNTER: Final = 0xFFF
_BLOCK_NAMES: Final = 64  # a call of the operating system takes longer than all else of a name
_ROW: Final = re.compile(
    r"([0-9a-f]{8})-([0-9a-f]{4})-(7[0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})"
    r"(?:\.(0|[1-9][0-9]{0,8}))?",
    re.IGNORECASE,
)


class _Names:
    """Makes the text forms of UUIDs: the time, a counter of 12 bits, 62 random bits.

    Random bits come in sorted blocks, and the counter numbers the blocks of a millisecond. So the
    work of a name is a few operations without a lock, and each name is larger than those before it
    in its thread. The names of a block share the first 14 random bits.

    Source: RFC 9562, section 6.2, method 1: a counter in the 12 bits after the version.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds, self.counter = -1, 0
        self._variant = ""  # the variant and the random bits that names share
        self.endings: list[str] = []  # of the next names, the last one first
        # The end of the millisecond in nanoseconds, the beginning of its names, and their endings.
        self._block = 0, "", self.endings

    def next(self, nanoseconds: int) -> str:
        """Return the text form of a new UUID of version 7.

        A clock that jumps back does not repeat a UUID: the last time stays until the clock reaches
        it.

        Args:
            nanoseconds: The Unix time.
        """
        while True:
            end, beginning, endings = self._block
            if nanoseconds < end:
                try:
                    return beginning + endings.pop()
                except IndexError:  # the block has no names left
                    pass
            self._renew(nanoseconds)

    def _renew(self, nanoseconds: int) -> None:
        """Begin another millisecond, another block of random bits, or both."""
        with self._lock:
            if nanoseconds >= self._block[0]:
                self._begin(nanoseconds // _MILLISECOND, 0)
            if not self.endings:
                bits = os.urandom(2)
                self._variant = f"{bits[0] & 0x3F | 0x80:02x}{bits[1]:02x}"
                self.endings = _random_endings()
                self._begin(self._milliseconds, self.counter + 1)

    def _begin(self, milliseconds: int, counter: int) -> None:
        if counter > _MAX_COUNTER:
            milliseconds, counter = milliseconds + 1, 0
        self._milliseconds, self.counter = milliseconds, counter
        digits = f"{milliseconds:012x}"
        beginning = f"{digits[:8]}-{digits[8:]}-7{counter:03x}-{self._variant}-"
        self._block = (milliseconds + 1) * _MILLISECOND, beginning, self.endings


def _random_endings() -> list[str]:
    """Return the last 48 bits of names, random, in descending order."""
    digits = os.urandom(6 * _BLOCK_NAMES).hex(" ", 6)
    return sorted(set(digits.split()), reverse=True)


_names = _Names()
# A forked process makes other names.
os.register_at_fork(after_in_child=lambda: _names.endings.clear())


new_answer_name = _names.next


def uuid7() -> bytes:
    """Return a UUID of version 7, 16 bytes (see `new_answer_name`)."""
    return ids_of([new_answer_name(time_ns())])[0]


def ids_of(names: Sequence[str]) -> list[bytes]:
    """Return the UUIDs of answers from their text forms."""
    ids = bytes.fromhex("".join(names).replace("-", ""))
    return [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]


def milliseconds_of(id_: bytes) -> int:
    """Return the Unix time of a UUID of version 7, in milliseconds."""
    return int.from_bytes(id_[:6], "big")


def first_id_of(milliseconds: int) -> bytes:
    """Return the lower bound of the UUIDs of a Unix time in milliseconds."""
    return max(0, milliseconds).to_bytes(6, "big") + bytes(10)


def answer_name(id_: bytes) -> str:
    """Return the text form of an answer's UUID."""
    digits = id_.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def row_name(id_: bytes, row: int) -> str:
    """Return the name of a row of an answer of several rows.

    Args:
        id_: UUID of the answer.
        row: Number of the row in the answer, from 0.
    """
    return f"{answer_name(id_)}.{row}"


def parse_name(text: str) -> tuple[bytes, int | None] | None:
    """Return the UUID and the row number of a name.

    Args:
        text: The name of an answer, `UUID`, or of a row, `UUID.N`.

    Returns:
        None for any other text; the row number is None without one.
    """
    found = _ROW.fullmatch(text)
    if found is None:
        return None
    *parts, row = found.groups()
    return bytes.fromhex("".join(parts)), None if row is None else int(row)


def subject_digest(key: str, subject: str) -> bytes:
    """Return the keyed digest of a subject, HMAC-SHA256, 32 bytes.

    Args:
        key: Value of the setting `store_subject_key`.
        subject: Name of the subject, such as a patient's number.
    """
    return hmac.new(key.encode(), subject.encode(), hashlib.sha256).digest()

"""Names of answers and rows: UUIDs of version 7, and subjects as keyed digests."""

import hashlib
import hmac
import os
import re
import threading
from time import time_ns
from typing import Final

ID_BYTES: Final = 16
_COUNTER_BITS: Final = 42
_ROW: Final = re.compile(
    r"([0-9a-f]{8})-([0-9a-f]{4})-(7[0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})"
    r"(?:\.(0|[1-9][0-9]{0,8}))?",
    re.IGNORECASE,
)


class _Clock:
    """The time and counter of the last UUID of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.milliseconds, self.counter = -1, 0


_clock = _Clock()


def uuid7() -> bytes:
    """Return a UUID of version 7, 16 bytes; each is larger than those before it in this process.

    A clock that jumps back does not repeat a UUID: the last time stays until the clock reaches it.

    Source: RFC 9562, section 6.2, method 1: a counter of 42 bits beside the time.
    """
    now = time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    clock = _clock
    with clock.lock:
        if now > clock.milliseconds:
            clock.milliseconds = now
            clock.counter = random >> (80 - _COUNTER_BITS + 1)  # half of the range is left
        else:
            clock.counter += 1
            if clock.counter >> _COUNTER_BITS:
                clock.milliseconds += 1
                clock.counter = 0
        milliseconds, counter = clock.milliseconds, clock.counter
    high, low = counter >> 30, counter & 0x3FFFFFFF
    value = milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 32
    return (value | random & 0xFFFFFFFF).to_bytes(ID_BYTES, "big")


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

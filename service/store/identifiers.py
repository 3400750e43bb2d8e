"""Names of answers and rows: UUIDs of version 7, and subjects as keyed digests."""

import hashlib
import hmac
import os
import re
import threading
from array import array
from collections.abc import Sequence
from time import time_ns
from typing import Final

ID_BYTES: Final = 16
_COUNTER_BITS: Final = 42
_BLOCK_BITS: Final = 256  # of 32 bits; a call of the operating system takes longer
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
_unused: list[int] = []
os.register_at_fork(after_in_child=_unused.clear)  # two processes must not use the same bits


def uuid7() -> bytes:
    """Return a UUID of version 7, 16 bytes; each is larger than those before it in this process.

    A clock that jumps back does not repeat a UUID: the last time stays until the clock reaches it.

    Source: RFC 9562, section 6.2, method 1: a counter of 42 bits beside the time.
    """
    return _next_value().to_bytes(ID_BYTES, "big")


def new_answer_name() -> str:
    """Return the text form of a new UUID of version 7."""
    return _text_of(f"{_next_value():032x}")


def ids_of(names: Sequence[str]) -> list[bytes]:
    """Return the UUIDs of answers from their text forms."""
    ids = bytes.fromhex("".join(names).replace("-", ""))
    return [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]


def _next_value() -> int:
    now = time_ns() // 1_000_000
    random = _random_bits()
    clock = _clock
    with clock.lock:
        if now > clock.milliseconds:
            clock.milliseconds = now
            # Half of the range is left.
            clock.counter = (_random_bits() << 32 | _random_bits()) >> (64 - _COUNTER_BITS + 1)
        else:
            clock.counter += 1
            if clock.counter >> _COUNTER_BITS:
                clock.milliseconds += 1
                clock.counter = 0
        milliseconds, counter = clock.milliseconds, clock.counter
    high, low = counter >> 30, counter & 0x3FFFFFFF
    return milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 32 | random


def _random_bits() -> int:
    """Return 32 random bits. Thread-safe."""
    try:
        return _unused.pop()
    except IndexError:
        found = array("I", os.urandom(4 * _BLOCK_BITS)).tolist()
        _unused.extend(found[1:])
        return int(found[0])


def milliseconds_of(id_: bytes) -> int:
    """Return the Unix time of a UUID of version 7, in milliseconds."""
    return int.from_bytes(id_[:6], "big")


def first_id_of(milliseconds: int) -> bytes:
    """Return the lower bound of the UUIDs of a Unix time in milliseconds."""
    return max(0, milliseconds).to_bytes(6, "big") + bytes(10)


def answer_name(id_: bytes) -> str:
    """Return the text form of an answer's UUID."""
    return _text_of(id_.hex())


def _text_of(digits: str) -> str:
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

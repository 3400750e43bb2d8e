"""Split an Arrow IPC stream into messages, and check their sizes before pyarrow unpacks them.

Only the sizes are read from a message's metadata, which is a FlatBuffer.

Source: https://arrow.apache.org/docs/format/Columnar.html,
"Serialization and interprocess communication"
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from service.problems import Problem

CONTINUATION: Final = 0xFFFFFFFF
SCHEMA, DICTIONARY, BATCH = 1, 2, 3  # a message's header_type


class _Malformed(Exception):
    """Metadata with an offset outside of its bytes."""


@dataclass(frozen=True)
class Message:
    """One message of the stream.

    Attributes:
        kind: SCHEMA, DICTIONARY or BATCH.
        data: Its bytes, metadata and body.
    """

    kind: int
    data: bytes


class MessageReader:
    """Assembles messages from chunks of a stream.

    Args:
        max_bytes: Maximum size of a message, packed or unpacked, and of all dictionaries together,
            in bytes.

    Raises:
        Problem: 400 for a malformed stream, 413 for a size above `max_bytes`, 422 for a delta
            dictionary. Raised by the methods.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = bytearray()
        self._dictionary_bytes = 0
        self._body_at: int | None = None  # offset of the body of the next message, once known
        self._size = 8  # bytes of the next message, as far as known
        self._any = self.ended = False

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Yield the messages that are complete."""
        self._held += piece
        while len(self._held) >= self._size and not self.ended:
            if self._size == 8:
                self._size = 8 + self._metadata_bytes()
                self.ended = self._size == 8
            elif self._body_at is None:
                self._body_at = self._size
                self._size += self._body_bytes()
            else:
                data = bytes(self._held[: self._size])
                del self._held[: self._size]
                message = self._message(data, self._body_at)
                self._body_at, self._size, self._any = None, 8, True
                yield message
        if self.ended and len(self._held) > 8:
            raise malformed()

    def finish(self) -> None:
        """Raise Problem (400) if the stream ends within a message or before the first one."""
        if not self._any or (self._held and not self.ended):
            raise malformed()

    def _metadata_bytes(self) -> int:
        mark, size = struct.unpack_from("<II", self._held)
        if mark != CONTINUATION:
            raise malformed()
        self._require_small(size)
        return int(size)

    def _body_bytes(self) -> int:
        try:
            size = _Table.root(bytes(self._held[8 : self._size])).integer(3, "<q")
        except _Malformed:
            raise malformed() from None
        if size < 0:
            raise malformed()
        self._require_small(size)
        return size

    def _message(self, data: bytes, body_at: int) -> Message:
        try:
            root = _Table.root(data[8:body_at])
            kind = root.integer(1, "<B")
            if kind in (DICTIONARY, BATCH):
                rows = root.table(2)
                if kind == DICTIONARY:
                    if rows.integer(2, "<B"):
                        raise Problem(422, "Dictionaries must not be deltas.")
                    rows = rows.table(1)
                size = max(len(data), _unpacked_bytes(rows, memoryview(data)[body_at:]))
                self._require_small(size)
                if kind == DICTIONARY:
                    self._dictionary_bytes += size
                    self._require_small(self._dictionary_bytes)
        except _Malformed:
            raise malformed() from None
        if kind not in (SCHEMA, DICTIONARY, BATCH) or (kind == SCHEMA) == self._any:
            raise malformed()
        return Message(kind, data)

    def _require_small(self, size: int) -> None:
        if size > self._max_bytes:
            raise Problem(
                413,
                f"A record batch, and all dictionaries together, must have at most "
                f"{self._max_bytes} bytes.",
            )


def malformed() -> Problem:
    """Return the error of a malformed stream (400)."""
    return Problem(400, "The body is malformed: it is not an Arrow IPC stream.")


def _unpacked_bytes(batch: "_Table", body: memoryview) -> int:
    """Return the size of a batch's buffers in memory; compressed ones begin with their size."""
    buffers = batch.structs(2, "<qq")
    if not batch.has(3):
        return sum(max(0, size) for _, size in buffers)
    unpacked = 0
    for start, size in buffers:
        if size == 0:
            continue
        if start < 0 or size < 8 or start + size > len(body):
            raise _Malformed
        (unpacked_size,) = struct.unpack_from("<q", body, start)
        if unpacked_size < -1:
            raise _Malformed
        unpacked += size if unpacked_size == -1 else unpacked_size
    return unpacked


class _Table:
    """A table of a FlatBuffer: fields by number; an absent field is 0."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._read("<i", at)
        self._fields_bytes = self._read("<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        if len(data) < 4:
            raise _Malformed
        return cls(data, struct.unpack_from("<I", data)[0])

    def has(self, number: int) -> bool:
        return self._offset(number) != 0

    def integer(self, number: int, form: str) -> int:
        position = self._offset(number)
        return self._read(form, position) if position else 0

    def table(self, number: int) -> "_Table":
        return _Table(self._data, self._target(number))

    def structs(self, number: int, form: str) -> list[tuple[int, ...]]:
        if not self.has(number):
            return []
        start = self._target(number)
        end = start + 4 + self._read("<I", start) * struct.calcsize(form)
        if end > len(self._data):
            raise _Malformed
        return list(struct.iter_unpack(form, self._data[start + 4 : end]))

    def _offset(self, number: int) -> int:
        offset = 4 + 2 * number
        if offset + 2 > self._fields_bytes:
            return 0
        found = self._read("<H", self._fields + offset)
        return self._at + found if found else 0

    def _target(self, number: int) -> int:
        position = self._offset(number)
        if not position:
            raise _Malformed
        return position + self._read("<I", position)

    def _read(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self._data):
            raise _Malformed
        (value,) = struct.unpack_from(form, self._data, at)
        return int(value)

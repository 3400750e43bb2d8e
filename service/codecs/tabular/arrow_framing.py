"""Split an Arrow IPC stream into messages, and check their sizes before pyarrow unpacks them.

pyarrow has no limit on what it unpacks, and reveals neither the size of a body before the body has
arrived nor where its compressed buffers begin. So these are read from a message's metadata, which
is a FlatBuffer. pyarrow verifies it before it uses it.

Source: https://arrow.apache.org/docs/format/Columnar.html,
"Serialization and interprocess communication"
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from flatbuffers.number_types import BoolFlags, Int64Flags, Uint8Flags
from flatbuffers.table import Table

from service.codecs.charge import Charge, uncharged
from service.problems import Problem

CONTINUATION: Final = 0xFFFFFFFF
SCHEMA, DICTIONARY, BATCH = 1, 2, 3  # a message's header_type
COPIES: Final = 3  # of a message: cut out, in a file, and read from it

# Fields of the FlatBuffer's tables Message, DictionaryBatch and RecordBatch.
_HEADER_TYPE, _HEADER, _BODY_LENGTH = 6, 8, 10
_DATA, _IS_DELTA = 6, 8
_LENGTH, _BUFFERS, _COMPRESSION = 4, 8, 10


@dataclass(frozen=True)
class Message:
    """One message of the stream.

    Attributes:
        kind: SCHEMA, DICTIONARY or BATCH.
        data: Its bytes, metadata and body.
        rows: The declared number of its rows, which pyarrow compares with the body.
    """

    kind: int
    data: bytes
    rows: int = 0


class MessageReader:
    """Assembles messages from chunks of a stream.

    Args:
        max_bytes: Maximum size of a message, packed or unpacked, and of all dictionaries together,
            in bytes.
        has_schema: Whether the schema is known, so that dictionaries or batches come first.

    Raises:
        Problem: 400 for a malformed stream, 413 for a size above `max_bytes`, 422 for a delta
            dictionary. Raised by the methods.
    """

    def __init__(self, max_bytes: int, *, has_schema: bool = False) -> None:
        self._max_bytes = max_bytes
        self._held = bytearray()
        self._dictionary_bytes = 0
        self._metadata: Any = None  # of the next message, once known
        self._size = 8  # bytes of the next message, as far as known
        self._started, self.ended = has_schema, False

    @property
    def is_incomplete(self) -> bool:
        """True if a message has begun and not ended."""
        return bool(self._held)

    @property
    def held_bytes(self) -> int:
        """Memory of an incomplete message, and of all dictionaries."""
        return len(self._held) + len(self._held) // 8 + 2 * self._dictionary_bytes

    @property
    def missing_bytes(self) -> int:
        """Bytes that are missing until the prefix, the metadata or the body is complete."""
        return self._size - len(self._held)

    def feed(self, piece: bytes, charge: Charge = uncharged) -> Iterator[Message]:
        """Yield the messages that are complete.

        Args:
            piece: The next bytes of the stream.
            charge: Called with the memory of each message, copied and unpacked.
        """
        self._held += piece
        while len(self._held) >= self._size and not self.ended:
            try:
                message = self._advance(charge)
            except (struct.error, TypeError):  # an offset outside of the metadata
                raise malformed() from None
            if message is not None:
                yield message
        if self.ended and len(self._held) > 8:
            raise malformed()

    def finish(self) -> None:
        """Raise Problem (400) if the stream ends within a message or before the first one."""
        if not self._started or (self._held and not self.ended):
            raise malformed()

    def _advance(self, charge: Charge) -> Message | None:
        """Read the prefix, the metadata or the body of a message; return it after its body."""
        if self._size == 8:
            mark, size = struct.unpack_from("<II", self._held)
            if mark != CONTINUATION:
                raise malformed()
            self.ended = size == 0
        elif self._metadata is None:
            metadata = bytes(self._held[8 : self._size])
            self._metadata = Table(metadata, *struct.unpack_from("<I", metadata))
            size = self._metadata.GetSlot(_BODY_LENGTH, 0, Int64Flags)
            if size < 0:
                raise malformed()
        else:
            charge(COPIES * self._size)
            with memoryview(self._held) as held:
                data, metadata = bytes(held[: self._size]), self._metadata
            del self._held[: self._size]
            self._metadata, self._size = None, 8
            return self._message(data, metadata, charge)
        self._require_small(size)
        self._size += size
        return None

    def _message(self, data: bytes, metadata: Any, charge: Charge) -> Message:
        kind = metadata.GetSlot(_HEADER_TYPE, 0, Uint8Flags)
        if kind not in (SCHEMA, DICTIONARY, BATCH) or (kind == SCHEMA) == self._started:
            raise malformed()
        self._started = True
        length = 0
        if kind != SCHEMA:
            rows = _child(metadata, _HEADER)
            if kind == DICTIONARY:
                if rows.GetSlot(_IS_DELTA, False, BoolFlags):
                    raise Problem(422, "Dictionaries must not be deltas.")
                rows = _child(rows, _DATA)
            body = memoryview(data)[8 + len(metadata.Bytes) :]
            size = max(len(data), _unpacked_bytes(rows, body))
            self._require_small(size)
            charge(size)
            if kind == DICTIONARY:
                self._dictionary_bytes += size
                self._require_small(self._dictionary_bytes)
            length = rows.GetSlot(_LENGTH, 0, Int64Flags)
        return Message(kind, data, length)

    def _require_small(self, size: int) -> None:
        if size > self._max_bytes:
            raise self.too_large()

    def too_large(self) -> Problem:
        """Return the error of a size above the maximum (413)."""
        return Problem(
            413,
            f"A record batch, and all dictionaries together, must have at most "
            f"{self._max_bytes} bytes.",
        )


def declared_rows(body: bytes, max_bytes: int) -> int | None:
    """Return the number of rows that the batches and dictionaries of a stream declare.

    Args:
        body: The stream, whole.
        max_bytes: Maximum size of a message, packed or unpacked, in bytes.

    Returns:
        The number of rows; None if the stream is malformed or a message is larger.
    """
    try:
        return sum(max(0, message.rows) for message in MessageReader(max_bytes).feed(body))
    except Problem:
        return None


def malformed() -> Problem:
    """Return the error of a malformed stream (400)."""
    return Problem(400, "The body is malformed: it is not an Arrow IPC stream.")


def _child(table: Any, field: int) -> Any:
    """Return the table that a field of a table refers to."""
    offset = table.Offset(field)
    if not offset:
        raise malformed()
    return Table(table.Bytes, table.Indirect(table.Pos + offset))


def _unpacked_bytes(batch: Any, body: memoryview) -> int:
    """Return the size of a batch's buffers in memory; compressed ones begin with their size."""
    offset = batch.Offset(_BUFFERS)
    if not offset:
        return 0
    start = batch.Vector(offset)
    buffers = struct.iter_unpack("<qq", batch.Bytes[start : start + 16 * batch.VectorLen(offset)])
    if not batch.Offset(_COMPRESSION):
        return sum(max(0, size) for _, size in buffers)
    unpacked = 0
    for start, size in buffers:
        if size == 0:
            continue
        if start < 0 or size < 8 or start + size > len(body):
            raise malformed()
        (unpacked_size,) = struct.unpack_from("<q", body, start)
        if unpacked_size < -1:
            raise malformed()
        unpacked += size if unpacked_size == -1 else unpacked_size
    return unpacked

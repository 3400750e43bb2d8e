"""Reader of Arrow IPC files (Feather, version 2): record batches that a footer lists.

Some writers put the schema and the dictionaries nowhere but into the order of the footer, so a file
is not read as the stream in it.

Source: https://arrow.apache.org/docs/format/Columnar.html, "IPC file format"
"""

import struct
from collections.abc import Iterator
from typing import IO, Any, Final

import pyarrow as pa
from flatbuffers.table import Table

from service.codecs.blocks import Block, TableRules
from service.codecs.charge import Charge, released
from service.codecs.tabular.arrow_batches import BROKEN, ArrowBatches
from service.codecs.tabular.arrow_framing import BATCH, DICTIONARY, MessageReader
from service.problems import Problem

MAGIC: Final = b"ARROW1"
END_BYTES: Final = 4 + len(MAGIC)  # size of the footer, and the magic bytes again
BLOCK_BYTES: Final = 24  # of a place in the footer
_DICTIONARIES, _BATCHES = 8, 10  # fields of the FlatBuffer's table Footer


class ArrowFileReader:
    """Makes blocks of an Arrow IPC file; null and NaN are missing values.

    Args:
        rules: The model's rules.
        max_bytes: Maximum size of a record batch, and of all dictionaries together, in bytes.

    Raises:
        Problem: 400 for a malformed file, 413 for a batch of more than `max_bytes`, 422 for
            columns that do not fit the schema. Raised by `blocks`.
    """

    def __init__(self, rules: TableRules, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._messages = MessageReader(max_bytes, has_schema=True)
        self._batches = ArrowBatches(rules, max_bytes)

    @property
    def held_bytes(self) -> int:
        """Memory of dictionaries with their numbers."""
        return self._messages.held_bytes + self._batches.held_bytes

    def blocks(self, file: IO[bytes], charge: Charge) -> Iterator[Block]:
        """Yield the rows.

        Args:
            file: The file, seekable.
            charge: Called with the memory that reading takes, and what is released after it.
        """
        try:
            footer = self._footer(file, charge)
            for place in _places(footer, _DICTIONARIES):
                self._require_small(file, place, DICTIONARY, charge)
            options = pa.ipc.IpcReadOptions(use_threads=False)
            table = pa.ipc.open_file(pa.PythonFile(file, "r"), options=options)
            yield self._batches.begin(table.schema)
            places = _places(footer, _BATCHES)
            for number, place in zip(range(table.num_record_batches), places, strict=True):
                with released(charge) as held:
                    self._require_small(file, place, BATCH, held)
                    batch = table.get_batch(number)
                    batch.validate(full=True)
                    yield from self._batches.blocks(batch, held)
        except MemoryError:  # pyarrow's is an ArrowException too
            raise
        except (*BROKEN, struct.error, TypeError):  # an offset outside of the footer
            raise malformed() from None

    def _footer(self, file: IO[bytes], charge: Charge) -> Any:
        size = file.seek(0, 2)
        file.seek(max(0, size - END_BYTES))
        length, magic = struct.unpack(f"<i{len(MAGIC)}s", file.read())
        if magic != MAGIC or not 4 <= length <= size - END_BYTES:
            raise malformed()
        charge(2 * length)
        file.seek(size - END_BYTES - length)
        footer = file.read(length)
        return Table(footer, *struct.unpack_from("<I", footer))

    def _require_small(
        self, file: IO[bytes], place: tuple[int, int, int], kind: int, charge: Charge
    ) -> None:
        """Check the size of a message, and charge the memory that reading it takes."""
        start, metadata_bytes, body_bytes = place
        size = metadata_bytes + body_bytes
        if min(place) < 0:
            raise malformed()
        if size > self._max_bytes:
            raise self._messages.too_large()
        file.seek(start)
        kinds = [message.kind for message in self._messages.feed(file.read(size), charge)]
        if kinds != [kind] or self._messages.is_incomplete:
            raise malformed()


def malformed() -> Problem:
    """Return the error of a malformed file (400)."""
    return Problem(400, "The body is malformed: it is not an Arrow IPC file.")


def _places(footer: Any, field: int) -> Iterator[tuple[int, int, int]]:
    """Yield the start of each message, and the sizes of its metadata and body."""
    offset = footer.Offset(field)
    if not offset:
        return
    start, count = footer.Vector(offset), footer.VectorLen(offset)
    places = footer.Bytes[start : start + BLOCK_BYTES * count]
    if len(places) < BLOCK_BYTES * count:
        raise malformed()
    yield from struct.iter_unpack("<qi4xq", places)

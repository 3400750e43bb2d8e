"""Reader of application/vnd.apache.arrow.stream: record batches with a column for each feature.

The extra `arrow` installs pyarrow.
"""

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from service.codecs.blocks import Block, TableRules
from service.codecs.charge import Charge, uncharged
from service.codecs.tabular.arrow_batches import BROKEN, ArrowBatches
from service.codecs.tabular.arrow_framing import (
    DICTIONARY,
    SCHEMA,
    Message,
    MessageReader,
    malformed,
)


class ArrowReader:
    """Makes blocks of an Arrow IPC stream; null and NaN are missing values.

    Args:
        rules: The model's rules.
        max_bytes: Maximum size of a record batch, and of all dictionaries together, in bytes.

    Raises:
        Problem: 400 for a malformed stream, 413 for a batch of more than `max_bytes`, 422 for
            columns that do not fit the schema. Raised by `feed` and `finish`.
    """

    def __init__(self, rules: TableRules, max_bytes: int) -> None:
        self._messages = MessageReader(max_bytes)
        self._batches = ArrowBatches(rules, max_bytes)
        self._file = io.BytesIO()  # the dictionaries and the batch that are read next
        self._stream: Any = None

    @property
    def held_bytes(self) -> int:
        """Memory of an incomplete message, and of dictionaries with their numbers."""
        return self._messages.held_bytes + self._batches.held_bytes

    @property
    def missing_bytes(self) -> int:
        """Bytes that are missing at least until the next message is complete."""
        return self._messages.missing_bytes

    def feed(self, piece: bytes, charge: Charge = uncharged) -> Iterator[Block]:
        """Yield the rows of the batches that are complete.

        Args:
            piece: The next bytes of the body.
            charge: Called with the memory that parsing takes.
        """
        for message in self._messages.feed(piece, charge):
            yield from self._read(message, charge)

    def finish(self) -> Iterator[Block]:
        """Check that the stream is complete; it has no rows outside of batches."""
        self._messages.finish()
        yield from ()

    def _read(self, message: Message, charge: Charge) -> Iterator[Block]:
        self._file.write(message.data)
        if message.kind == DICTIONARY:
            return
        self._file.seek(0)
        try:
            if message.kind == SCHEMA:
                options = pa.ipc.IpcReadOptions(use_threads=False)
                self._stream = pa.ipc.open_stream(self._file, options=options)
                block, batch = self._batches.begin(self._stream.schema), None
            else:
                batch = self._stream.read_next_batch()
                batch.validate(full=True)
        except MemoryError:  # pyarrow's is an ArrowException too
            raise
        except BROKEN:
            raise malformed() from None
        self._file.seek(0)
        self._file.truncate()
        if batch is None:
            yield block
        else:
            yield from self._batches.blocks(batch, charge)

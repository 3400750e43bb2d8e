"""Writer of Arrow streams, Arrow files and Parquet: record batches of predictions."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.prediction.target import Target
from service.codecs.answer_facts import AnswerFacts
from service.codecs.blocks import ScoredBlock
from service.codecs.extra import Extra
from service.codecs.negotiation import ARROW, ARROW_FILE, PARQUET
from service.codecs.tabular.arrow_predictions import PredictionBatches


class ArrowWriter:
    """Writes the batches of `PredictionBatches`.

    Args:
        target: The model's target.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        facts: Facts of the answer.
        mark: Whether to add the column `error`.
        media_type: One of `ARROW_TYPES`.
    """

    headers = ()

    def __init__(
        self,
        target: Target,
        threshold: float,
        facts: AnswerFacts,
        *,
        mark: bool,
        media_type: str = ARROW,
    ) -> None:
        self._batches = PredictionBatches(target, threshold, facts, mark=mark)
        self.taken = self._batches.taken
        self._open, self._sink = _WRITERS[media_type], _Sink()
        self._file: Any = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the extra columns of the answer."""
        return self._batches.columns

    def begin(self, extra: Extra | None) -> bytes:
        """Return the bytes before the rows: the schema, or the beginning of a file.

        Args:
            extra: The extra columns of the first block.
        """
        self._batches.begin(extra)
        self._file = self._open(self._sink, self._batches.schema)
        return self._sink.take()

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return a record batch, with nulls for invalid rows."""
        self._file.write_batch(self._batches.batch(scored))
        return self._sink.take()

    def end(self) -> bytes:
        """Return the end-of-stream marker, or the footer of a file."""
        self._file.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """A file that keeps what was written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._size += len(self._parts[-1])
        return len(self._parts[-1])

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: ARG002
        """Return the number of written bytes, the only place where the file is."""
        return self._size

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken, self._parts = b"".join(self._parts), []
        return taken


_WRITERS = {ARROW: pa.ipc.new_stream, ARROW_FILE: pa.ipc.new_file, PARQUET: pq.ParquetWriter}

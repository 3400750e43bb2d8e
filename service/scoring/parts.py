"""Writers of the parts of a scored dataset, in Parquet or CSV."""

import hashlib
import io
from contextlib import suppress
from typing import IO, Any, Final, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from service.codecs.blocks import Block, ScoredBlock
from service.codecs.extra import Extra, TextColumns
from service.codecs.tabular.answer_columns import extra_names
from service.codecs.tabular.arrow_extra import ArrowColumns
from service.codecs.tabular.csv_writer import CsvWriter
from service.scoring.output import Output, OutputBatches
from service.scoring.scorer import Scorer

PartFormat = Literal["parquet", "csv"]
ROW_GROUP_ROWS: Final = 128 * 1024
ROW_GROUP_BYTES: Final = 32 * 1024 * 1024  # of a row group before it is encoded


class PartWriter(Output, Protocol):
    """Writes the blocks of a part to a file."""

    def write(self, scored: ScoredBlock) -> None:
        """Write the rows of a block."""

    def end(self) -> None:
        """Write what is left; the file stays open."""

    def abort(self) -> None:
        """Release the file, whose content is discarded."""


class ParquetPart:
    """Writes a part in Parquet, in row groups of about 128 k rows.

    Args:
        file: The file.
        output: Makes the record batches.
    """

    def __init__(self, file: "MeasuredFile", output: OutputBatches) -> None:
        self._file, self._output = file, output
        self._held: list[Any] = []
        self._rows = self._bytes = 0
        self._writer: Any = None

    @property
    def taken(self) -> frozenset[str]:
        return self._output.taken

    @property
    def columns(self) -> tuple[str, ...]:
        return self._output.columns

    def begin(self, extra: Extra | None) -> None:
        self._output.begin(extra)
        self._writer = pq.ParquetWriter(self._file, self._output.schema)

    def write(self, scored: ScoredBlock) -> None:
        batch = self._output.batch(scored)
        self._held.append(batch)
        self._rows, self._bytes = self._rows + batch.num_rows, self._bytes + batch.nbytes
        if self._rows >= ROW_GROUP_ROWS or self._bytes >= ROW_GROUP_BYTES:
            self._flush()

    def end(self) -> None:
        self._flush()
        self._writer.close()

    def abort(self) -> None:
        if self._writer is not None and self._writer.is_open:
            with suppress(Exception):  # the first error is the one to report
                self._writer.close()
            self._writer.is_open = False  # the garbage collector would close it again

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held), self._rows)
        self._held, self._rows, self._bytes = [], 0, 0


class CsvPart:
    """Writes a part in CSV, as POST /predict answers it.

    Args:
        file: The file.
        scorer: The scorer of the rows.
    """

    def __init__(self, file: "MeasuredFile", scorer: Scorer) -> None:
        version, threshold = scorer.version(), scorer.active_threshold()
        target = version.predictor.schema.target
        self._file, self._kept, self._explain = file, scorer.kept(), scorer.explain_rows()
        self._writer = CsvWriter(target, threshold, version.facts(threshold), mark=scorer.mark)
        example = self._explain(version.predictor.self_test.rows[:1]) if self._explain else {}
        self._explained = tuple(example)
        self.taken = frozenset((*self._writer.taken, *self._kept.features, *self._explained))
        self.columns: tuple[str, ...] = ()

    def begin(self, extra: Extra | None) -> None:
        self.columns = extra_names(extra, self.taken)
        names = (*self.columns, *self._kept.features, *self._explained)
        nothing = ArrowColumns(names, [pa.array([], pa.string()) for _ in names])
        self._file.write(self._writer.begin(nothing if names else None))

    def write(self, scored: ScoredBlock) -> None:
        block = scored.block
        extra = self._kept.add_as_text(block, self.columns)
        if self._explain is not None:
            rows = block.values if scored.good is None else block.values[scored.good]
            found = self._explain(rows) if len(rows) else {}
            texts = [
                scored.with_gaps([str(each) for each in found[name].tolist()], "")
                if found
                else [""] * len(block.values)
                for name in self._explained
            ]
            extra = TextColumns.of((*extra.names, *self._explained), [*extra.columns, *texts])
        shown = Block(block.values, block.errors, block.complete, extra)
        self._file.write(self._writer.rows(ScoredBlock(shown, scored.predictions, scored.good)))

    def end(self) -> None:
        self._file.write(self._writer.end())

    def abort(self) -> None:
        pass


class MeasuredFile(io.RawIOBase):
    """A file that is written once from its beginning, with the size and digest of its content.

    Args:
        file: The file to write to.

    Attributes:
        size: Number of written bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written, hexadecimal."""
        return self._digest.hexdigest()

    def writable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: ARG002
        """Return the number of written bytes, the only place where the file is.

        Args:
            offset: Ignored.
            whence: Ignored.
        """
        return self.size

    def write(self, data: Any) -> int:
        written = self._file.write(data)
        self._digest.update(data)
        self.size += written
        return written


def part_writer(file: MeasuredFile, scorer: Scorer, kind: PartFormat) -> PartWriter:
    """Return the writer of a part.

    Args:
        file: The file, which is only written to.
        scorer: The scorer of its rows.
        kind: Its format.
    """
    return ParquetPart(file, scorer.output()) if kind == "parquet" else CsvPart(file, scorer)

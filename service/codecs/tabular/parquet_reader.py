"""Reader of Parquet files: a column for each feature, read row group by row group.

A file of a few kilobytes can declare any number of rows, and pages of gigabytes. So all
pages of a row group are checked and charged before pyarrow reads it.
"""

from collections.abc import Iterator
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from model.prediction.predictor import piece_rows
from service.codecs.blocks import Block, TableRules
from service.codecs.charge import Charge, released
from service.codecs.tabular.arrow_batches import BROKEN, ArrowBatches
from service.codecs.tabular.parquet_pages import (
    DELTA_BYTE_ARRAY,
    ColumnChunk,
    column_chunks,
    malformed,
    pages_of,
)
from service.problems import FieldError, Problem, safe_name

MAGIC: Final = b"PAR1"
END_BYTES: Final = 8  # size of the footer, and the magic bytes again
# Memory of a footer, in footers: while the smallest structures are parsed, and of a valid one.
PARSED_FOOTERS, FOOTERS = 320, 32
MAX_LIST: Final = 100_000  # elements of a list in the footer
BUFFER_BYTES: Final = 16 * 1024  # read at once of a column
MAX_PAGES: Final = 100_000  # of a row group
FREE_ROWS, ROWS_PER_BYTE = 1_000_000, 8  # of a file; a bit is the least that a row of Arrow takes
VALUE_BYTES: Final = 4  # memory of a value before it is read: its length
TEXT_BYTES: Final = 16  # memory of a value of a dictionary, besides its characters
CELL_BYTES: Final = 32  # memory of a cell of a batch, with its levels and copies
MAX_VALUE_BYTES: Final = 64  # of a column of fixed size; decimals have 32


class ParquetReader:
    """Makes blocks of a Parquet file; null and NaN are missing values.

    Args:
        rules: The model's rules.
        max_bytes: Maximum size of a page, packed or unpacked, in bytes.

    Raises:
        Problem: 400 for a malformed file, 413 for a page of more than `max_bytes` or too many
            rows, 422 for columns that do not fit the schema. Raised by `blocks`.
    """

    def __init__(self, rules: TableRules, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rows = piece_rows(len(rules.schema.features))
        self._batches = ArrowBatches(rules, max_bytes)
        self._chunks: list[list[ColumnChunk]] = []

    @property
    def held_bytes(self) -> int:
        """Memory of cached cells and dictionaries."""
        return self._batches.held_bytes

    def blocks(self, file: IO[bytes], charge: Charge) -> Iterator[Block]:
        """Yield the rows.

        Args:
            file: The file, seekable.
            charge: Called with the memory that reading takes, and what is released after it.
        """
        try:
            table = self._open(file, charge)
            yield self._batches.begin(table.schema_arrow)
            for number, chunks in zip(range(table.num_row_groups), self._chunks, strict=True):
                rows = table.metadata.row_group(number).num_rows
                with released(charge) as held:
                    held(self._require_small(file, chunks, rows))
                    yield from self._group(table, number, held)
        except MemoryError:  # pyarrow's is an ArrowException too
            raise
        except BROKEN:
            raise malformed() from None

    def _group(self, table: Any, number: int, charge: Charge) -> Iterator[Block]:
        for batch in table.iter_batches(self._rows, row_groups=[number], use_threads=False):
            batch.validate(full=True)
            with released(charge) as held:
                yield from self._batches.blocks(batch, held)

    def _open(self, file: IO[bytes], charge: Charge) -> Any:
        size = file.seek(0, 2)
        if size < 2 * END_BYTES:
            raise malformed()
        file.seek(size - END_BYTES)
        footer_bytes = int.from_bytes(file.read(4), "little")
        charge(PARSED_FOOTERS * footer_bytes)
        file.seek(max(0, size - END_BYTES - footer_bytes))
        self._chunks = column_chunks(file.read(footer_bytes))
        source = pa.PythonFile(file, "r")
        options = {"pre_buffer": False, "buffer_size": BUFFER_BYTES}
        table = pq.ParquetFile(
            source,
            thrift_string_size_limit=self._max_bytes,
            thrift_container_size_limit=MAX_LIST,
            **options,
        )
        charge((FOOTERS - PARSED_FOOTERS) * footer_bytes)
        metadata = table.metadata
        rows = sum(metadata.row_group(each).num_rows for each in range(metadata.num_row_groups))
        if rows > FREE_ROWS + ROWS_PER_BYTE * size:
            raise Problem(
                413,
                f"A Parquet file must have at most {ROWS_PER_BYTE} rows for each of its bytes, "
                f"besides {FREE_ROWS}.",
            )
        columns = [metadata.schema.column(each) for each in range(metadata.num_columns)]
        # As dictionaries, since a column may repeat one large text any number of times.
        texts = [each.path for each in columns if each.physical_type == "BYTE_ARRAY"]
        table = pq.ParquetFile(source, metadata=metadata, read_dictionary=texts, **options)
        kinds = dict(zip(table.schema_arrow.names, table.schema_arrow.types, strict=True))
        for column in columns:
            is_dictionary = pa.types.is_dictionary(kinds.get(column.path, pa.null()))
            if column.physical_type == "BYTE_ARRAY" and not is_dictionary:
                rule = "must be a column of text, if its values have no fixed size"
            elif column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.length > MAX_VALUE_BYTES:
                rule = f"must have values of at most {MAX_VALUE_BYTES} bytes, or of no fixed size"
            else:
                continue
            raise Problem.invalid([FieldError(field=safe_name(column.path), rule=rule)])
        return table

    def _require_small(self, file: IO[bytes], chunks: list[ColumnChunk], rows: int) -> int:
        """Check the pages of a row group, and return the memory that reading them takes."""
        total = pages = 0
        for chunk in chunks:
            largest = dictionary = 0
            for page in pages_of(file, chunk.start, chunk.size):
                pages += 1
                size = max(page.packed_bytes, page.unpacked_bytes, page.values)
                if size > self._max_bytes or pages > MAX_PAGES:
                    raise Problem(
                        413,
                        f"A page of a Parquet file must have at most {self._max_bytes} bytes and "
                        f"values, and a row group at most {MAX_PAGES} pages.",
                    )
                if page.encoding == DELTA_BYTE_ARRAY:
                    rule = "must not have the encoding DELTA_BYTE_ARRAY"
                    field = safe_name(chunk.name)
                    raise Problem.invalid([FieldError(field=field, rule=rule)])
                memory = page.packed_bytes + page.unpacked_bytes
                if page.is_dictionary:
                    dictionary = max(dictionary, memory + TEXT_BYTES * page.values)
                else:
                    largest = max(largest, memory + VALUE_BYTES * page.values)
            total += dictionary + largest + min(BUFFER_BYTES, chunk.size)
            total += CELL_BYTES * min(rows, self._rows)
        return total

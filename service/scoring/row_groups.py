"""Reading of row groups of a Parquet file, with few requests where it is in an object store."""

from collections.abc import Container, Iterator, Sequence
from typing import Any, Final

import pyarrow.parquet as pq

# Read at once of a column chunk: more where a table has few columns.
MIN_BUFFER_BYTES, MAX_BUFFER_BYTES = 16 * 1024, 1024 * 1024
BUFFERS_BYTES: Final = 32 * 1024 * 1024  # of all columns


def read_batches(
    file: Any,
    metadata: Any,
    groups: Sequence[int],
    columns: Sequence[str],
    *,
    rows: int,
    texts: Sequence[str],
    is_local: bool,
) -> Iterator[Any]:
    """Yield record batches of a Parquet file, in constant memory.

    From an object store, the columns of row groups of at most `BUFFERS_BYTES` are read with one
    request; those of larger ones, and of files of this machine, in small buffers.

    Args:
        file: The file.
        metadata: Its metadata.
        groups: Numbers of the row groups.
        columns: Names of the columns.
        rows: Rows of a batch, at most.
        texts: Names of the columns that are read as dictionaries.
        is_local: Whether the file is on this machine.
    """
    windows = None if is_local else _windows(metadata, groups, set(columns))
    size = BUFFERS_BYTES // max(1, len(columns))
    table = pq.ParquetFile(
        file,
        metadata=metadata,
        read_dictionary=texts,
        buffer_size=min(MAX_BUFFER_BYTES, max(MIN_BUFFER_BYTES, size)),
        pre_buffer=windows is not None,
    )
    for window in windows or (groups,):
        yield from table.iter_batches(rows, row_groups=window, columns=columns, use_threads=False)


def _windows(
    metadata: Any, groups: Sequence[int], columns: Container[str]
) -> list[list[int]] | None:
    """Divide row groups into sets of at most `BUFFERS_BYTES`; None if one of them is larger."""
    windows: list[list[int]] = []
    total = BUFFERS_BYTES
    for number in groups:
        group = metadata.row_group(number)
        chunks = map(group.column, range(group.num_columns))
        size = sum(
            each.total_compressed_size
            for each in chunks
            if each.path_in_schema in columns or each.path_in_schema.partition(".")[0] in columns
        )
        if size > BUFFERS_BYTES:
            return None
        if total + size > BUFFERS_BYTES:
            windows, total = [*windows, []], 0
        windows[-1].append(number)
        total += size
    return windows

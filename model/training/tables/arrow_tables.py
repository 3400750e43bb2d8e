"""Tables in Parquet and Arrow files, whose columns keep Arrow's types."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from model.errors import DataError


def arrow_chunks(path: Path, kind: str, rows: int) -> Generator[pd.DataFrame, None, None]:
    """Yield the chunks of a table (see `read_chunks`).

    Args:
        path: The file.
        kind: "parquet", or "arrow" for an Arrow file (Feather, version 2) or stream.
        rows: Rows of a chunk.

    Raises:
        DataError: pyarrow is missing, or the table has no rows.
        OSError: The file cannot be read.
        ValueError: It is broken.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        name = "Parquet" if kind == "parquet" else "Arrow"
        text = f"reading {name} needs the parquet extra: pip install 'malignancy[train,parquet]'"
        raise DataError(f"{path}: {text}") from None
    done, pending, missing = 0, [], rows  # missing: rows until the chunk is complete
    with _parquet(path, rows) if kind == "parquet" else _arrow(path) as batches:
        for batch in batches:
            start = 0
            while len(batch) - start >= missing:
                pending.append(batch.slice(start, missing))
                yield _frame_of_arrow(pending, done)
                start, done, pending, missing = start + missing, done + rows, [], rows
            if start < len(batch):
                pending.append(batch.slice(start))
                missing -= len(batch) - start
    if pending:
        yield _frame_of_arrow(pending, done)
    elif not done:
        raise DataError(f"{path}: not a table: it has no rows")


@contextmanager
def _parquet(path: Path, rows: int) -> Iterator[Iterator[Any]]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        # One row group at a time: when iterating over all groups, Arrow keeps ever more memory.
        groups = range(file.num_row_groups)
        yield (batch for k in groups for batch in file.iter_batches(rows, row_groups=[k]))


@contextmanager
def _arrow(path: Path) -> Iterator[Iterator[Any]]:
    import pyarrow
    from pyarrow import ipc

    with pyarrow.OSFile(str(path)) as source:
        is_stream = source.read(4) == b"\xff\xff\xff\xff"
        source.seek(0)
        if is_stream:
            yield iter(ipc.open_stream(source))
        else:
            file = ipc.open_file(source)
            yield map(file.get_batch, range(file.num_record_batches))


def _frame_of_arrow(batches: list[Any], done: int) -> pd.DataFrame:
    """Build a frame from consecutive batches, which may have different dictionaries."""
    import pyarrow

    table = pyarrow.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame.set_axis(range(done + 1, done + 1 + len(frame)))

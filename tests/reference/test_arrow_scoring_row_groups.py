"""Row groups of Parquet are read from an object store with few requests."""

import importlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from support.arrow_streams import NAMES, pa, scores

pq: Any = importlib.import_module("pyarrow.parquet")
row_groups: Any = importlib.import_module("service.scoring.row_groups")

GROUPS, ROWS = 6, 1000


class CountedFile(io.BytesIO):
    """A file that counts what is read from it."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


Read = Callable[..., int]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Return a function that reads all groups but the first, and returns the number of reads."""
    table, content = scores(GROUPS * ROWS), pa.BufferOutputStream()
    pq.write_table(table, content, row_group_size=ROWS)
    metadata = pq.read_metadata(pa.BufferReader(content.getvalue()))

    def read(limit: Callable[[int], int], *, is_local: bool = False) -> int:
        group = metadata.row_group(1)
        size = sum(group.column(each).total_compressed_size for each in range(group.num_columns))
        monkeypatch.setattr("service.scoring.row_groups.BUFFERS_BYTES", limit(size))
        file = CountedFile(content.getvalue())
        batches = row_groups.read_batches(
            pa.PythonFile(file, "r"),
            metadata,
            range(1, GROUPS),
            NAMES,
            rows=700,
            texts=(),
            is_local=is_local,
        )
        assert pa.Table.from_batches(batches).equals(table.select(NAMES).slice(ROWS))
        return file.reads

    return read


def test_groups_that_fit_are_read_at_once(read: Read) -> None:
    assert read(lambda size: 100 * size) == 1


def test_groups_are_read_in_sets_that_fit(read: Read) -> None:
    assert read(lambda size: int(2.5 * size)) == 3


def test_larger_groups_and_local_files_are_read_in_small_buffers(read: Read) -> None:
    columns = (GROUPS - 1) * len(NAMES)
    assert read(lambda size: size // 2) >= columns
    assert read(lambda size: 100 * size, is_local=True) >= columns

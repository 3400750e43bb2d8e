"""Rows that wait for the store's writer."""

import threading
import time
from collections import Counter, deque
from time import monotonic
from typing import Final, NamedTuple

from service.store.counting import HOUR_MICROSECONDS, SHADOW_PREFIX, Counts
from service.store.groups import Record, counts_of
from service.store.records import PredictedRows, ShortAnswer, StoredVersion

# Fixed values.
BATCH_SECONDS: Final = 0.2
BATCH_ROWS: Final = 4096
MAX_ROWS: Final = 100_000
MAX_BYTES: Final = 32 * 1024**2
RECORD_BYTES: Final = 600  # of the objects of a record, beside the numbers

Counted = dict[tuple[int, StoredVersion], Counts]  # by hour and version


class Batch(NamedTuple):
    """Rows that are written in one transaction.

    Attributes:
        records: The rows.
        counted: Counts of further rows, which are not kept.
        since: Time when the first of them came, `monotonic`.
    """

    records: list[Record]
    counted: Counted
    since: float

    def halves(self) -> tuple["Batch", "Batch"]:
        """Split the records; the counts belong to the first half."""
        middle = len(self.records) // 2
        first = Batch(self.records[:middle], self.counted, self.since)
        return first, Batch(self.records[middle:], {}, self.since)


class RowQueue:
    """Rows in order, limited in rows and bytes; rows beyond the limits are dropped and counted.

    Rows count until they are written, not only until the writer takes them.

    Args:
        max_rows: The most rows.
        max_bytes: The most bytes.

    Attributes:
        dropped: Number of rows that were neither kept nor counted.
        unkept: Number of rows of large bodies that were counted, but not kept.
    """

    def __init__(self, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> None:
        self.dropped = self.unkept = 0
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self._lock = threading.Lock()
        self._items: list[Record] = []
        self._counted: Counted = {}
        self._taken: deque[Record] = deque()  # only the writer's thread uses it
        self._rows = self._bytes = self._new_rows = 0
        self._since = self._taken_since = 0.0
        self._is_hurrying = self._is_taken = False
        self._wake, self._go = threading.Event(), threading.Event()

    @property
    def rows(self) -> int:
        """Number of rows that are not written yet."""
        return self._rows

    @property
    def is_half_full(self) -> bool:
        """True if half of the room is in use; what can be left out should then not be put."""
        return 2 * self._rows > self._max_rows or 2 * self._bytes > self._max_bytes

    @property
    def is_empty(self) -> bool:
        """True if everything is written."""
        with self._lock:
            return not (self._rows or self._counted or self._is_taken)

    @property
    def oldest(self) -> float | None:
        """Time when the first row came that the writer has not taken, `monotonic`; None without."""
        if self._taken:
            return self._taken_since
        return self._since if self._items or self._counted else None

    def put(self, rows: PredictedRows) -> bool:
        """Append rows without blocking; False if they are dropped."""
        return self._put(rows, len(rows.predictions), _size(rows))

    def put_answer(self, answer: ShortAnswer) -> bool:
        """Append a short answer without blocking; False if it is dropped."""
        count = len(answer.rows)
        return self._put(answer, count, RECORD_BYTES + count * answer.source.row_bytes)

    def _put(self, rows: Record, count: int, size: int) -> bool:
        with self._lock:
            if self._rows + count > self._max_rows or self._bytes + size > self._max_bytes:
                self.dropped += count
                return False
            self._rows += count
            self._bytes += size
            self._new_rows += count
            self._items.append(rows)
            is_first = len(self._items) == 1 and not self._counted
            if is_first:
                self._since = monotonic()
        if is_first:
            self._wake.set()
        elif self._new_rows >= BATCH_ROWS and not self._go.is_set():
            self._go.set()
        return True

    def put_block(self, rows: PredictedRows) -> bool:
        """Append a block of a large body, from a scoring thread; never drops it.

        If half of the queue is in use, the rows are counted here and not kept: of a table that is
        longer than the store is fast, a sample of its blocks is kept.

        Returns:
            False if the rows are only counted.
        """
        parts = range(0, len(rows.predictions), BATCH_ROWS)
        kept = [self._put_part(rows.part(at, at + BATCH_ROWS)) for at in parts]
        return all(kept)

    def _put_part(self, rows: PredictedRows) -> bool:
        count = len(rows.predictions)
        size = _size(rows)
        has_room = 2 * (self._rows + count) <= self._max_rows
        if has_room and 2 * (self._bytes + size) <= self._max_bytes:
            return self.put(rows)
        counts = counts_of([rows])
        key = rows.hour, rows.version
        with self._lock:
            self.unkept += count
            if not self._items and not self._counted:
                self._since = monotonic()
            self._counted.setdefault(key, Counter()).update(counts)
        self._wake.set()
        return False

    def put_counts(self, version: StoredVersion, counts: Counts) -> None:
        """Add counts of rows of this hour that are not kept.

        Args:
            version: The version that predicted them.
            counts: The counts.
        """
        hour = time.time_ns() // 1000 // HOUR_MICROSECONDS
        with self._lock:
            self.unkept += sum(n for (kind, _, _), n in counts.items() if kind == "rows")
            if not self._items and not self._counted:
                self._since = monotonic()
            self._counted.setdefault((hour, version), Counter()).update(counts)
        self._wake.set()

    def wait(self, seconds: float) -> None:
        """Wait for rows, and then for others, so that batches have more of them.

        Args:
            seconds: The longest time to wait for the first row.
        """
        if self._taken or not self._wake.wait(seconds):
            return
        if not self._is_hurrying:
            self._go.wait(BATCH_SECONDS)
        self._wake.clear()
        self._go.clear()

    def take(self) -> Batch | None:
        """Return the next batch; None without rows. `release` ends its use of the queue's room."""
        counted: Counted = {}
        if not self._taken:
            with self._lock:
                items, self._items = self._items, []
                counted, self._counted = self._counted, {}
                self._new_rows = 0
                self._taken_since = self._since
                self._is_taken = bool(items or counted)
            self._taken.extend(items)
        records: list[Record] = []
        rows = 0
        while self._taken and rows < BATCH_ROWS:
            records.append(self._taken.popleft())
            rows += len(records[-1].predictions)
        return Batch(records, counted, self._taken_since) if records or counted else None

    def release(self, batch: Batch, *, dropped: int = 0) -> None:
        """Give the room of a batch back.

        Args:
            batch: The batch, from `take`.
            dropped: Number of its rows that were not written.
        """
        rows = sum(len(each.predictions) for each in batch.records)
        size = sum(map(_size, batch.records))
        with self._lock:
            self._is_taken = False
            self._rows -= rows
            self._bytes -= size
            self.dropped += dropped

    def hurry(self, is_hurrying: bool = True) -> None:
        """Write rows at once instead of in larger batches."""
        self._is_hurrying = is_hurrying
        self._go.set()
        self._wake.set()


def _size(record: Record) -> int:
    """Return the memory of a record."""
    if isinstance(record, ShortAnswer):
        return RECORD_BYTES + len(record.rows) * record.source.row_bytes
    return RECORD_BYTES + record.nbytes


def rows_of(batch: Batch) -> int:
    """Return the number of rows of a batch, kept and only counted."""
    counted = sum(
        count
        for counts in batch.counted.values()
        for (kind, _, _), count in counts.items()
        if kind in ("rows", f"{SHADOW_PREFIX}rows")
    )
    return counted + sum(len(each.predictions) for each in batch.records)

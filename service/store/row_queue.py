"""Rows that wait for the store's writer."""

import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from time import monotonic
from typing import Final, NamedTuple

from model.arrays import Array
from service.store.answer_cells import BATCH_ROWS, AnswerCells, AnswerSource
from service.store.counting import HOUR_MICROSECONDS, SHADOW_PREFIX, Counts
from service.store.groups import Record, counts_of
from service.store.records import PredictedRows, StoredVersion

# Fixed values.
BATCH_SECONDS: Final = 0.2
MAX_ROWS: Final = 100_000
MAX_BYTES: Final = 32 * 1024**2

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

    def halves(self) -> "tuple[Batch, Batch] | None":
        """Split the records; the counts belong to the first half. None for a single record."""
        records = self.records
        if len(records) == 1 and isinstance(cells := records[0], AnswerCells) and cells.count > 1:
            middle = cells.count // 2
            records = [cells.part(0, middle), cells.part(middle, cells.count)]
        if len(records) < 2:
            return None
        middle = len(records) // 2
        first = Batch(records[:middle], self.counted, self.since)
        return first, Batch(records[middle:], {}, self.since)


class RowQueue:
    """Rows in order, limited in bytes; rows beyond the limit are dropped and counted.

    Rows count until they are written, not only until the writer takes them.

    Args:
        max_rows: The most rows. A row takes at least this part of the bytes.
        max_bytes: The most bytes.

    Attributes:
        dropped: Number of rows that were neither kept nor counted.
        unkept: Number of rows of large bodies that were counted, but not kept.
    """

    def __init__(self, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> None:
        self.dropped = self.unkept = 0
        self._max_bytes, self._min_row_bytes = max_bytes, max_bytes // max_rows
        self._lock = threading.Lock()
        self._items: list[Record] = []
        self._sources: list[AnswerSource] = []  # that have cells among the items
        self._counted: Counted = {}
        self._taken: deque[Record] = deque()  # only the writer's thread uses it
        self._bytes = self._new_rows = self._rows_of_batches = 0
        self._since = self._taken_since = 0.0
        self._is_hurrying = self._is_taken = False
        self._wake, self._go = threading.Event(), threading.Event()

    @property
    def rows(self) -> int:
        """Number of rows that are not written yet."""
        with self._lock:
            waiting = sum(each.count for each in (*self._items, *self._taken))
            return waiting + self._rows_of_batches

    @property
    def is_half_full(self) -> bool:
        """True if half of the room is in use; what can be left out should then not be put."""
        return 2 * self._bytes > self._max_bytes

    @property
    def is_empty(self) -> bool:
        """True if everything is written."""
        with self._lock:
            return not (self._bytes or self._counted or self._is_taken)

    @property
    def oldest(self) -> float | None:
        """Time when the first row came that the writer has not taken, `monotonic`; None without."""
        if self._taken:
            return self._taken_since
        return self._since if self._items or self._counted else None

    def new_source(self, version: StoredVersion, threshold: float) -> AnswerSource:
        """Return a source of short answers for `put_answer`.

        Args:
            version: The version that predicts.
            threshold: Decision threshold; NaN where the target has none.
        """
        return AnswerSource(version, threshold, self._min_row_bytes)

    def put(self, rows: Record) -> bool:
        """Append rows without blocking; False if they are dropped."""
        count, size = rows.count, self._size(rows)
        with self._lock:
            if self._bytes + size > self._max_bytes:
                self.dropped += count
                return False
            self._bytes += size
            self._new_rows += count
            self._append(rows)
            is_enough = self._new_rows >= BATCH_ROWS
        if is_enough:
            self._go.set()
        return True

    def put_answer(
        self,
        source: AnswerSource,
        rows: Sequence[Sequence[object]],
        predictions: Array,
        id_: str | None,
        at: int,
        key_id: str,
        subject: bytes | None,
    ) -> bool:
        """Append the rows of a short answer without blocking; False if they are dropped.

        Args:
            source: The source, from `new_source`.
            rows: The rows as parsed, B of them, which the tables of the version have encoded.
            predictions: `(B, outputs)`, float64; nothing of it is kept.
            id_: Name of the answer; None if the store keeps no predictions.
            at: Time of the answer, Unix time in nanoseconds.
            key_id: Id of the API key; "" without one.
            subject: Digest of the subject; None without one.
        """
        count = len(rows)
        with self._lock:
            used = self._bytes + count * source.row_bytes
            if used > self._max_bytes:
                self.dropped += count
                return False
            self._bytes = used
            cells = (source.open or self._open(source)).cells
            if count == 1:  # without a loop, which takes a quarter of the time
                cells.extend(rows[0])
                cells.extend((predictions.tobytes(), id_, 0, at, key_id, subject))
            else:
                for number, row in enumerate(rows):
                    cells.extend(row)
                    cells.extend((predictions[number].tobytes(), id_, number, at, key_id, subject))
            if len(cells) >= source.batch_cells:
                source.open = None
                self._go.set()
        return True

    def _open(self, source: AnswerSource) -> AnswerCells:
        source.open = cells = AnswerCells(source)
        self._sources.append(source)
        self._append(cells)
        return cells

    def _append(self, record: Record) -> None:
        if not self._items and not self._counted:
            self._since = monotonic()
            self._wake.set()
        self._items.append(record)

    def _size(self, record: Record) -> int:
        """Return the bytes that a record takes of the room."""
        return max(record.size, record.count * self._min_row_bytes)

    def put_block(self, rows: PredictedRows) -> bool:
        """Append a block of a large body, from a scoring thread; never drops it.

        If half of the queue is in use, the rows are counted here and not kept: of a table that is
        longer than the store is fast, a sample of its blocks is kept.

        Returns:
            False if the rows are only counted.
        """
        parts = range(0, rows.count, BATCH_ROWS)
        kept = [self._put_part(rows.part(at, at + BATCH_ROWS)) for at in parts]
        return all(kept)

    def _put_part(self, rows: PredictedRows) -> bool:
        if 2 * (self._bytes + self._size(rows)) <= self._max_bytes:
            return self.put(rows)
        counts = counts_of([rows])
        key = rows.hour, rows.version
        with self._lock:
            self.unkept += rows.count
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
                for source in self._sources:
                    source.open = None
                self._sources.clear()
                counted, self._counted = self._counted, {}
                self._new_rows = 0
                self._taken_since = self._since
                self._is_taken = bool(items or counted)
            self._taken.extend(items)
        records: list[Record] = []
        rows = 0
        while self._taken and rows < BATCH_ROWS:
            records.append(self._taken.popleft())
            rows += records[-1].count
        self._rows_of_batches += rows
        return Batch(records, counted, self._taken_since) if records or counted else None

    def release(self, batch: Batch, *, dropped: int = 0) -> None:
        """Give the room of a batch back.

        Args:
            batch: The batch, from `take`.
            dropped: Number of its rows that were not written.
        """
        size = sum(map(self._size, batch.records))
        with self._lock:
            self._is_taken = False
            self._rows_of_batches -= sum(each.count for each in batch.records)
            self._bytes -= size
            self.dropped += dropped

    def hurry(self, is_hurrying: bool = True) -> None:
        """Write rows at once instead of in larger batches."""
        self._is_hurrying = is_hurrying
        self._go.set()
        self._wake.set()


def rows_of(batch: Batch) -> int:
    """Return the number of rows of a batch, kept and only counted."""
    counted = sum(
        count
        for counts in batch.counted.values()
        for (kind, _, _), count in counts.items()
        if kind in ("rows", f"{SHADOW_PREFIX}rows")
    )
    return counted + sum(each.count for each in batch.records)

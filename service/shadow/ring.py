"""Answered rows that wait for a shadow version, limited in number."""

import threading
from collections import deque
from typing import Final

from service.store.groups import Record

RING_ROWS: Final = 4096
BATCH_ROWS: Final = 64


class ShadowRing:
    """Rows in order; rows beyond the limit are not taken.

    Args:
        max_rows: The most rows.
    """

    def __init__(self, max_rows: int = RING_ROWS) -> None:
        self._max_rows, self._rows = max_rows, 0
        self._items: deque[tuple[Record, int, int]] = deque()  # with the first and last row, plus 1
        self._lock = threading.Lock()
        self._wake = threading.Event()

    def put(self, record: Record) -> int:
        """Append the first rows, as many as there is room for, and return their number.

        Args:
            record: Answered rows of a version that has a shadow version.
        """
        with self._lock:
            taken = min(record.count, self._max_rows - self._rows)
            if taken:
                self._items.append((record, 0, taken))
                self._rows += taken
                self._wake.set()
        return taken

    def take(self) -> list[Record]:
        """Remove and return up to 64 rows for one shadow version; none if the ring is empty."""
        batch: list[Record] = []
        room = BATCH_ROWS
        with self._lock:
            while self._items and room:
                record, start, stop = self._items[0]
                if batch and record.version.shadow is not batch[0].version.shadow:
                    break
                end = min(stop, start + room)
                if end == stop:
                    self._items.popleft()
                else:
                    self._items[0] = record, end, stop
                batch.append(record.part(start, end))
                room -= end - start
            self._rows -= BATCH_ROWS - room
            if not self._items:
                self._wake.clear()
        return batch

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for rows; False if none come in time.

        Args:
            seconds: The longest time to wait; None for no limit.
        """
        return self._wake.wait(seconds)

    def wake(self) -> None:
        """End `wait`."""
        self._wake.set()

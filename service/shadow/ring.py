"""Answered rows that wait for a shadow version, limited in number."""

import threading
from collections import deque
from typing import Final, NamedTuple

from service.store.records import PredictedRows, ShortAnswer, StoredVersion

Answered = PredictedRows | ShortAnswer

RING_ROWS: Final = 4096
BATCH_ROWS: Final = 64


class Waiting(NamedTuple):
    """Rows and the version that is to predict them.

    Attributes:
        rows: The answered rows.
        version: The shadow version.
    """

    rows: Answered
    version: StoredVersion


class ShadowRing:
    """Rows in order; rows beyond the limit are not taken.

    Args:
        max_rows: The most rows.
    """

    def __init__(self, max_rows: int = RING_ROWS) -> None:
        self._max_rows, self._rows = max_rows, 0
        self._items: deque[Waiting] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()

    def put(self, rows: Answered, version: StoredVersion) -> int:
        """Append the first rows, as many as there is room for, and return their number.

        Args:
            rows: Answered rows.
            version: The version that is to predict them.
        """
        count = len(rows.predictions)
        with self._lock:
            taken = min(count, self._max_rows - self._rows)
            if taken:
                part = rows if taken == count else decoded(rows).part(0, taken)
                self._items.append(Waiting(part, version))
                self._rows += taken
        if taken and not self._wake.is_set():
            self._wake.set()
        return taken

    def take(self) -> list[Waiting]:
        """Remove and return up to 64 rows for one version; none if the ring is empty."""
        batch: list[Waiting] = []
        room = BATCH_ROWS
        with self._lock:
            while self._items and room:
                rows, version = self._items[0]
                if batch and version is not batch[0].version:
                    break
                count = len(rows.predictions)
                if count > room:
                    whole = decoded(rows)
                    self._items[0] = Waiting(whole.part(room, count), version)
                    rows, count = whole.part(0, room), room
                else:
                    self._items.popleft()
                batch.append(Waiting(rows, version))
                room -= count
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


def decoded(rows: Answered) -> PredictedRows:
    """Return rows with their raw values."""
    return rows.decoded() if isinstance(rows, ShortAnswer) else rows

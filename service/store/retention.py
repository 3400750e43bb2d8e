"""Deletion of what is older than its retention, in small steps."""

from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from service.store.counting import HOUR_MICROSECONDS
from service.store.databases.database import Database
from service.store.identifiers import first_id_of

# Fixed values.
SWEEP_SECONDS: Final = 600.0
MAX_DELETED: Final = 1000  # rows of one step
MIN_DELETED: Final = 20
HOURLY_DAYS: Final = 31.0  # for which counts by hour are kept; those by day stay longer
STEP_SECONDS: Final = 0.05  # a longer step makes the next one smaller
DAY_MILLISECONDS: Final = 86_400_000
_KEYS: Final = {
    "inputs": "id, row",
    "feedback": "id, row, number",
    "predictions": "id, row, version_id",
    "counts": "hours, hour, version_id, kind, name, bin",
    "erasures": "id",
    "writers": "id",
}


@dataclass(frozen=True)
class Retention:
    """Days for which rows are kept.

    Attributes:
        counts_days: Of counts.
        predictions_days: Of predictions and their truth.
        inputs_days: Of input values; at most as long as the predictions.
    """

    counts_days: float
    predictions_days: float
    inputs_days: float

    def is_expired(self, milliseconds: int, now: float) -> bool:
        """Return whether predictions of a time are no longer kept.

        Args:
            milliseconds: Unix time of the prediction in milliseconds.
            now: Unix time in seconds.
        """
        return milliseconds < now * 1000 - self.predictions_days * DAY_MILLISECONDS

    def first_hours(self, now: float) -> dict[int, int]:
        """Return the first hour since 1970 whose counts are kept, by the hours of the interval.

        Args:
            now: Unix time in seconds.
        """
        days = {1: min(self.counts_days, HOURLY_DAYS), 24: self.counts_days}
        milliseconds = {span: now * 1000 - each * DAY_MILLISECONDS for span, each in days.items()}
        return {span: int(each * 1000 // HOUR_MICROSECONDS) for span, each in milliseconds.items()}

    def bounds(self, now: float) -> list[tuple[str, str, Any]]:
        """Return tables, conditions that end with a column, and its first value that is kept.

        Args:
            now: Unix time in seconds.
        """
        predictions = _first(now, self.predictions_days)
        inputs = max(predictions, _first(now, self.inputs_days))
        hours = self.first_hours(now)
        yesterday = int((now * 1000 - DAY_MILLISECONDS) * 1000)
        return [
            ("inputs", "id", inputs),
            ("feedback", "id", predictions),
            ("predictions", "id", predictions),
            *(("counts", f"hours = {span} AND hour", each) for span, each in hours.items()),
            ("erasures", "at", yesterday),
            ("writers", "at", yesterday),
        ]


class Sweep:
    """One pass over all tables, as steps of at most 1000 rows and about 50 ms.

    Args:
        retention: Days for which rows are kept.
        now: Unix time in seconds.
    """

    def __init__(self, retention: Retention, now: float) -> None:
        self._bounds = retention.bounds(now)
        self._size = MAX_DELETED

    def step(self, database: Database) -> bool:
        """Delete some rows; False if there are none left."""
        if not self._bounds:
            return False
        table, condition, bound = self._bounds[0]
        keys = _KEYS[table]
        start = monotonic()
        # The names are constants of this module.
        deleted = database.execute(
            f"DELETE FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM {table} "  # noqa: S608  # nosec
            f"WHERE {condition} < :bound LIMIT :size) RETURNING 1",
            {"bound": bound, "size": self._size},
        )
        if monotonic() - start > STEP_SECONDS:
            self._size = max(MIN_DELETED, self._size // 2)
        elif len(deleted) < self._size:
            del self._bounds[0]
        else:
            self._size = min(MAX_DELETED, 2 * self._size)
        return bool(self._bounds)


def _first(now: float, days: float) -> bytes:
    return first_id_of(int(now * 1000 - days * DAY_MILLISECONDS))

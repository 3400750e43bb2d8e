"""The query of GET /models/{name}/live: a window of whole hours, and how to divide it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from service.problems import FieldError, Problem
from service.registry.thresholds import Thresholds, read_query

By = Literal["hour", "day", "week"]
Weighting = Literal["none", "coverage"]

HOURS: Final[dict[str, int]] = {"hour": 1, "day": 24, "week": 168}
MONDAY: Final = 72  # hours from the Monday before 1970 to 1970
DEFAULT_DAYS: Final = 7
MAX_PERIODS: Final = 1000
HOUR_SECONDS: Final = 3600
PARAMETERS: Final = ("from", "to", "by", "threshold", "weighting")
_BY: Final[tuple[By, ...]] = ("hour", "day", "week")
_WEIGHTINGS: Final[tuple[Weighting, ...]] = ("none", "coverage")
_TIME_RULE: Final = "must be a date or time in ISO 8601, UTC unless it has an offset"


@dataclass(frozen=True)
class LiveQuery:
    """A window, and the figures to compute of it.

    Attributes:
        start: First hour since 1970.
        stop: Hour after the last one.
        by: Length of a period.
        threshold: Decision threshold; NaN for a model without.
        weighting: "coverage" to weight rows with truth by the inverse of the share that has it.
    """

    start: int
    stop: int
    by: By
    threshold: float
    weighting: Weighting

    def period_of(self, hour: int) -> int:
        """Return the first hour of an hour's period."""
        hours, offset = HOURS[self.by], MONDAY * (self.by == "week")
        return max(self.start, (hour + offset) // hours * hours - offset)

    @property
    def periods(self) -> Iterator[int]:
        """The first hour of each period."""
        hours, offset = HOURS[self.by], MONDAY * (self.by == "week")
        hour = self.start
        while hour < self.stop:
            yield hour
            hour = (hour + offset) // hours * hours - offset + hours


def default_query(threshold: float, now: float | None = None) -> LiveQuery:
    """Return the query of the last 7 days.

    Args:
        threshold: Decision threshold.
        now: Unix time in seconds; the current one by default.
    """
    stop = _next_hour(time.time() if now is None else now)
    start = (stop - 24 * DEFAULT_DAYS) // 24 * 24
    return LiveQuery(start, stop, "day", threshold, "none")


def parse_query(query: bytes, thresholds: Thresholds, now: float | None = None) -> LiveQuery:
    """Parse a raw query string.

    Args:
        query: Query string without "?".
        thresholds: Thresholds of the model.
        now: Unix time in seconds; the current one by default.

    Raises:
        Problem: 422, because the query is invalid.
    """
    given = read_query(query, *PARAMETERS)
    by = next((each for each in _BY if each == given.get("by", "day")), None)
    weighting = next((each for each in _WEIGHTINGS if each == given.get("weighting", "none")), None)
    if by is None:
        raise _invalid("by", f"must be {', '.join(_BY[:-1])} or {_BY[-1]}")
    if weighting is None:
        raise _invalid("weighting", f"must be {' or '.join(_WEIGHTINGS)}")
    default = default_query(thresholds.resolve(given.get("threshold")), now)
    stop = _next_hour(_time("to", given["to"])) if "to" in given else default.stop
    if "from" in given:
        start = int(_time("from", given["from"]) // HOUR_SECONDS)
    else:
        unit = min(24, HOURS[by])
        start = max(0, stop - 24 * DEFAULT_DAYS) // unit * unit
    if start >= stop:
        raise _invalid("from", "must be before `to`")
    if (stop - start) // HOURS[by] > MAX_PERIODS:
        raise _invalid("by", f"the window may have {MAX_PERIODS} periods")
    return LiveQuery(start, stop, by, default.threshold, weighting)


def iso_hour(hour: int) -> str:
    """Return the beginning of an hour since 1970 in ISO 8601, UTC."""
    return datetime.fromtimestamp(hour * HOUR_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _next_hour(seconds: float) -> int:
    """Return the first hour that begins at or after a time."""
    return int(-(-seconds // HOUR_SECONDS))


def _time(field: str, text: str) -> float:
    try:
        # A plus sign in a query is a space.
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        seconds = found.timestamp()
    except (ValueError, OverflowError):
        raise _invalid(field, _TIME_RULE) from None
    if seconds < 0:
        raise _invalid(field, "must not be before 1970")
    return seconds


def _invalid(field: str, rule: str) -> Problem:
    return Problem.invalid([FieldError(field=field, rule=rule)])

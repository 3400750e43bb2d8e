"""Reading of the store's counts: whole days from their sums, other hours one by one.

Counts are grouped in the order of the primary key, without sorting: one row for each hour or
day, version, kind and name, with its bins and counts as text.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from service.live.query import LiveQuery
from service.live.totals import BY_PERIOD, BY_VERSION, Bucket, Totals
from service.store.databases.database import Database

DAY_HOURS: Final = 24
_JOINED: Final = {
    "sqlite": "group_concat({})",
    "postgresql": "string_agg(CAST({} AS text), ',')",
}


def read_totals(database: Database, model: str, query: LiveQuery) -> Totals:
    """Return the sums over a window.

    Args:
        database: The database.
        model: Name of the model.
        query: The window.
    """
    found = database.execute(
        "SELECT id, sha256 FROM versions WHERE model = :model", {"model": model}
    )
    versions: dict[int, str] = {row[0]: row[1] for row in found}
    totals = Totals()
    if not versions:
        return totals
    reader = _Reader(database, versions)
    first, last = -(-query.start // DAY_HOURS), query.stop // DAY_HOURS
    if first >= last:  # no whole day
        _add(totals, query, reader.hours(query.start, query.stop, (*BY_PERIOD, *BY_VERSION)))
        return totals
    for start, stop in ((query.start, first * DAY_HOURS), (last * DAY_HOURS, query.stop)):
        if start < stop:
            _add(totals, query, reader.hours(start, stop, (*BY_PERIOD, *BY_VERSION)))
    if query.by == "hour":
        start, stop = first * DAY_HOURS, last * DAY_HOURS
        _add(totals, query, reader.hours(start, stop, BY_PERIOD))
        _add(totals, query, reader.days(first, last, BY_VERSION))
    else:
        _add(totals, query, reader.days(first, last, (*BY_PERIOD, *BY_VERSION)))
    return totals


def _add(totals: Totals, query: LiveQuery, buckets: Sequence[Bucket]) -> None:
    totals.add_to_periods(query, (each for each in buckets if each.kind in BY_PERIOD))
    totals.add_to_versions(each for each in buckets if each.kind in BY_VERSION)


class _Reader:
    """Reads counts of some versions.

    Args:
        database: The database.
        versions: SHA-256 by number of the version.
    """

    def __init__(self, database: Database, versions: dict[int, str]) -> None:
        self._database, self._versions = database, versions

    def hours(self, start: int, stop: int, kinds: Sequence[str]) -> list[Bucket]:
        """Return the counts of hours.

        Args:
            start: The first hour since 1970.
            stop: The hour after the last one.
            kinds: Kinds of the counts.
        """
        return list(self._read(1, (start, stop), kinds))

    def days(self, start: int, stop: int, kinds: Sequence[str]) -> list[Bucket]:
        """Return the counts of days.

        Args:
            start: The first day since 1970.
            stop: The day after the last one.
            kinds: Kinds of the counts.
        """
        return list(self._read(DAY_HOURS, (start * DAY_HOURS, stop * DAY_HOURS), kinds))

    def _read(self, hours: int, between: tuple[int, int], kinds: Sequence[str]) -> Iterator[Bucket]:
        params: dict[str, Any] = {"hours": hours, "start": between[0], "stop": between[1]}
        params |= {f"v{n}": each for n, each in enumerate(self._versions)}
        params |= {f"k{n}": each for n, each in enumerate(kinds)}
        versions, of_kinds = (
            ", ".join(f":{name}" for name in params if name[0] == letter and name[1:].isdigit())
            for letter in ("v", "k")
        )
        bins, counts = (_JOINED[self._database.dialect].format(each) for each in ("bin", "count"))
        # The names are constants of this module. With plain columns in the conditions, SQLite would
        # search by them, and sort.
        found = self._database.execute(
            f"SELECT hour, version_id, kind, name, {bins}, {counts} FROM counts "  # noqa: S608  # nosec
            "WHERE hours = :hours AND hour >= :start AND hour < :stop "
            f"AND version_id + 0 IN ({versions}) "
            f"AND kind || '' IN ({of_kinds}) GROUP BY hour, version_id, kind, name",
            params,
        )
        for hour, version, kind, name, places, numbers in found:
            yield Bucket(
                int(hour),
                self._versions[version],
                kind,
                name,
                np.fromstring(places, np.int64, sep=","),
                np.fromstring(numbers, np.int64, sep=","),
            )

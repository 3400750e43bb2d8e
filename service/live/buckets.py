"""Reading of the store's counts: whole days from their sums, other hours one by one.

A query has one version and one kind, and lists its hours or days, so that all columns of the
primary key before the name are equal to a value: other kinds are not read, and nothing is sorted.
It returns one row for each name, with its bins and counts as text.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from service.live.query import LiveQuery
from service.live.totals import BY_PERIOD, BY_VERSION, KINDS, Bucket, Totals
from service.store.databases.database import Database, Row

DAY_HOURS: Final = 24
_JOINED: Final = {
    "sqlite": "group_concat({})",
    "postgresql": "string_agg(CAST({} AS text), ',')",
}
_SELECT: Final = """
WITH RECURSIVE spans (at) AS (
  SELECT CAST(:start AS BIGINT)
  UNION ALL SELECT at + CAST(:hours AS BIGINT) FROM spans WHERE at + :hours < :stop
)
SELECT hour, name, {bins}, {counts} FROM counts
WHERE hours = :hours AND hour IN (SELECT at FROM spans) AND version_id = :version AND kind = :kind
GROUP BY hour, name
"""


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
        _add(totals, query, reader.hours(query.start, query.stop, KINDS))
        return totals
    for start, stop in ((query.start, first * DAY_HOURS), (last * DAY_HOURS, query.stop)):
        if start < stop:
            _add(totals, query, reader.hours(start, stop, KINDS))
    if query.by == "hour":
        start, stop = first * DAY_HOURS, last * DAY_HOURS
        _add(totals, query, reader.hours(start, stop, BY_PERIOD))
        _add(totals, query, reader.days(first, last, BY_VERSION))
    else:
        _add(totals, query, reader.days(first, last, KINDS))
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
        return self._read(1, (start, stop), kinds)

    def days(self, start: int, stop: int, kinds: Sequence[str]) -> list[Bucket]:
        """Return the counts of days.

        Args:
            start: The first day since 1970.
            stop: The day after the last one.
            kinds: Kinds of the counts.
        """
        return self._read(DAY_HOURS, (start * DAY_HOURS, stop * DAY_HOURS), kinds)

    def _read(self, hours: int, between: tuple[int, int], kinds: Sequence[str]) -> list[Bucket]:
        joined = _JOINED[self._database.dialect]
        sql = _SELECT.format(bins=joined.format("bin"), counts=joined.format("count"))
        params = {"hours": hours, "start": between[0], "stop": between[1]}
        found: list[Bucket] = []
        for version, sha256 in self._versions.items():
            for kind in kinds:
                rows = self._database.execute(sql, params | {"version": version, "kind": kind})
                found += _buckets(sha256, kind, rows)
        return found


def _buckets(sha256: str, kind: str, rows: Sequence[Row]) -> Iterator[Bucket]:
    """Parse the texts of all rows at once.

    Args:
        sha256: Version of the model.
        kind: Kind of the counts.
        rows: Hour, name, bins and counts.
    """
    bins, counts = (
        np.fromstring(",".join(row[column] for row in rows), np.int64, sep=",") for column in (2, 3)
    )
    start = 0
    for hour, name, joined, _ in rows:
        part = slice(start, start := start + joined.count(",") + 1)
        yield Bucket(int(hour), sha256, kind, name, bins[part], counts[part])

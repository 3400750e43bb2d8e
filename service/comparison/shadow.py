"""Comparison of a shadow version with what was answered, by stored predictions of both."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from model.prediction.other_rows import answer_names
from service.comparison.pairs import Pairs
from service.comparison.stored_pairs import shadow_pages
from service.store.databases.database import Database
from service.store.reading import versions
from service.store.records import VersionKey

MAX_ROWS: Final = 200_000  # the latest ones
MIN_DIGITS: Final = 12


class UnknownVersion(Exception):
    """The store has no such shadow version, or its answers have another form."""


def compare_shadow(
    database: Database,
    model: str,
    version: str,
    *,
    start: int,
    stop: int,
    max_rows: int = MAX_ROWS,
) -> dict[str, Any]:
    """Return the comparison of a shadow version with the versions that answered, as JSON values.

    Args:
        database: The database.
        model: Name of the model.
        version: First `MIN_DIGITS` or more digits of the SHA-256 of the shadow version.
        start: Unix time of the first answer in microseconds.
        stop: Unix time after the last one.
        max_rows: Maximum number of rows, the latest ones.

    Returns:
        `model`, `candidate`, and what `Pairs.describe` returns.

    Raises:
        UnknownVersion: The store has no such version of this model, or the answers of a version
            that answered have another form than its.
    """
    schemas = {key.sha256: each for key, each in versions(database).items() if key.model == model}
    found = [sha256 for sha256 in schemas if sha256.startswith(version)]
    if len(version) < MIN_DIGITS or len(found) != 1:
        raise UnknownVersion("The store has no version of this model with this digest.")
    [candidate] = found
    names = answer_names(schemas[candidate])
    pairs = Pairs(schemas[candidate].target, max_rows)
    number = _number(database, VersionKey(model, candidate))
    checked: set[str] = set()
    for page in shadow_pages(database, number, start, stop):
        new = {row.sha256 for row, _ in page} - checked
        if any(answer_names(schemas[sha256]) != names for sha256 in new):
            raise UnknownVersion("The answers of this version have another form.")
        checked |= new
        pairs.add([row for row, _ in page], np.stack([second for _, second in page]))
        if pairs.is_full:
            break
    return {"model": model, "candidate": candidate, **pairs.describe()}


def times_of(query: Mapping[str, str], now: int) -> tuple[int, int]:
    """Return the first time of a query, and the time after the last one, in microseconds.

    Args:
        query: The parameters `from` and `to`, ISO 8601, in UTC without an offset; by default all
            times up to now.
        now: Unix time in microseconds.

    Raises:
        ValueError: The name of the parameter that is no time.
    """
    times = []
    for name, default in (("from", 0), ("to", now)):
        text = query.get(name)
        try:
            times.append(default if text is None else _time(text))
        except (ValueError, OverflowError):
            raise ValueError(name) from None
    return times[0], times[1]


def _time(text: str) -> int:
    time = datetime.fromisoformat(text)
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return max(0, round(aware.timestamp() * 1_000_000))


def _number(database: Database, key: VersionKey) -> int:
    found = database.execute(
        "SELECT id FROM versions WHERE model = :model AND sha256 = :sha256", key._asdict()
    )
    return int(found[0][0])

"""Sums of the store's counts over a window: by period, by version, and of truth by month."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

import numpy as np

from model.arrays import Array
from service.live.query import HOUR_SECONDS, LiveQuery

BY_PERIOD: Final = ("rows", "label", "missing", "clipped", "unknown")
BY_VERSION: Final = ("feature", "prediction", "truth", "confusion", "expected")
KINDS: Final = (*BY_PERIOD, *BY_VERSION)

K = TypeVar("K")
Key = tuple[str, str]  # kind and name


class Bucket(NamedTuple):
    """Counts of one kind and name in an hour or a day.

    Attributes:
        hour: First hour since 1970.
        sha256: Version of the model.
        kind: Kind of the counts.
        name: Name, such as a feature.
        bins: Numbers of bins, `(n,)`, int64, each once.
        counts: Counts of the bins, `(n,)`, int64.
    """

    hour: int
    sha256: str
    kind: str
    name: str
    bins: Array
    counts: Array


@dataclass
class Totals:
    """Sums over a window.

    Attributes:
        periods: Sums by first hour of the period, then by kind and name, of `BY_PERIOD`.
        by_version: Counts by bin, by version, then by kind and name, of all other kinds.
        rows: Rows by version.
        truth_by_month: Counts by bin of the kind "truth", by month and name.
    """

    periods: dict[int, Counter[Key]] = field(default_factory=dict)
    by_version: dict[str, dict[Key, Array]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    truth_by_month: dict[str, dict[str, Array]] = field(default_factory=dict)

    def add_to_periods(self, query: LiveQuery, buckets: Iterable[Bucket]) -> None:
        """Add counts of the kinds `BY_PERIOD`.

        Args:
            query: The window.
            buckets: The counts.
        """
        for each in buckets:
            count = int(each.counts.sum())
            period = self.periods.setdefault(query.period_of(each.hour), Counter())
            period[each.kind, each.name] += count
            if each.kind == "rows":
                self.rows[each.sha256] += count

    def add_to_versions(self, buckets: Iterable[Bucket]) -> None:
        """Add counts of the kinds `BY_VERSION`.

        Args:
            buckets: The counts.
        """
        by_key: dict[tuple[str, Key, str], list[Bucket]] = {}
        for each in buckets:
            key = each.sha256, (each.kind, each.name), _month(each.hour)
            by_key.setdefault(key, []).append(each)
        for (sha256, (kind, name), month), found in by_key.items():
            counts = _summed(found)
            _add(self.by_version.setdefault(sha256, {}), (kind, name), counts)
            if kind == "truth":
                _add(self.truth_by_month.setdefault(month, {}), name, counts)

    def of_period(self, hour: int, kind: str) -> Counter[str]:
        """Return the sums of one kind by name.

        Args:
            hour: First hour of the period.
            kind: The kind.
        """
        found = self.periods.get(hour, Counter())
        return Counter({name: n for (of, name), n in found.items() if of == kind})

    def sum(self, kind: str) -> Counter[str]:
        """Return the sums of one kind, of `BY_PERIOD`, by name."""
        found: Counter[str] = Counter()
        for hour in self.periods:
            found.update(self.of_period(hour, kind))
        return found

    def bins(self, kind: str, name: str, size: int, versions: Iterable[str] | None = None) -> Array:
        """Return counts by bin, `(size,)`, int64; those of further bins are left out.

        Args:
            kind: The kind.
            name: The name.
            size: Number of bins.
            versions: SHA-256 of the versions; None for all.
        """
        chosen = self.by_version if versions is None else versions
        found = (self.by_version.get(each, {}).get((kind, name)) for each in chosen)
        return sized(found, size)

    def named(self, kind: str) -> Counter[str]:
        """Return the sums of one kind, of `BY_VERSION`, by name."""
        found: Counter[str] = Counter()
        for version in self.by_version.values():
            for (of, name), counts in version.items():
                if of == kind:
                    found[name] += int(counts.sum())
        return found


def sized(vectors: Iterable[Array | None], size: int) -> Array:
    """Return the sum of vectors, cut or filled up to a size.

    Args:
        vectors: Vectors of any sizes; None counts as zeros.
        size: The size.
    """
    total = np.zeros(size, np.int64)
    for each in vectors:
        if each is not None:
            total[: len(each)] += each[:size]
    return total


def _summed(buckets: Sequence[Bucket]) -> Array:
    """Return the sums of the counts by bin."""
    bins = np.concatenate([each.bins for each in buckets])
    total = np.zeros(bins.max(initial=0) + 1, np.int64)
    np.add.at(total, bins, np.concatenate([each.counts for each in buckets]))
    return total


def _add(sums: dict[K, Array], key: K, counts: Array) -> None:
    found = sums.get(key)
    size = len(counts) if found is None else max(len(found), len(counts))
    sums[key] = sized((found, counts), size)


@lru_cache(maxsize=2048)
def _month(hour: int) -> str:
    return datetime.fromtimestamp(hour * HOUR_SECONDS, UTC).strftime("%Y-%m")

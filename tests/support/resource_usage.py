"""What a process takes of the system, and whether it takes more as time goes by. Linux only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Sample:
    """What a process had after so many requests. series: of its metrics."""

    requests: int
    bytes: int
    descriptors: int
    threads: int
    series: int


def taken_bytes(process: int) -> int:
    """The memory that a process has written to. What it maps of files is the system's, and how much
    of that counts as its own depends on who else maps them."""
    found = re.search(
        r"^Anonymous: +(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.M
    )
    assert found
    return int(found[1]) * 1024


def descriptors(process: int) -> int:
    """How many files and sockets it has open."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def threads(process: int) -> int:
    """How many there are."""
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def slope(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """The Theil–Sen slope of y over x and its 95 % interval: the median of the slopes of all pairs,
    which no outlier moves; Sen (1968), JASA 63:1379, by the variance of Kendall's S."""
    n = len(x)
    first, second = np.triu_indices(n, 1)
    slopes = np.sort(
        np.subtract(*np.take(y, (second, first))) / np.subtract(*np.take(x, (second, first)))
    )
    half = 1.96 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2
    low, high = (len(slopes) - 1) / 2 - half, (len(slopes) - 1) / 2 + half
    low, high = max(0, int(low)), min(len(slopes) - 1, int(np.ceil(high)))
    return float(np.median(slopes)), float(slopes[low]), float(slopes[high])

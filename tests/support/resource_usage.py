"""Resource usage of a process, and the trend of samples. Linux only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Sample:
    """The resources of a process after some requests; `series` is the number of metric series."""

    requests: int
    bytes: int
    descriptors: int
    threads: int
    series: int


def taken_bytes(process: int) -> int:
    """Return the anonymous memory of a process in bytes.

    Mapped files do not count: their share depends on the other processes that map them.
    """
    found = re.search(
        r"^Anonymous: +(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.M
    )
    assert found
    return int(found[1]) * 1024


def descriptors(process: int) -> int:
    """Return the number of open files and sockets."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def threads(process: int) -> int:
    """Return the number of threads."""
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def slope(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Return the Theil–Sen slope of y over x and its 95 % interval.

    The slope is the median of the slopes of all pairs, which is robust to outliers. The interval
    uses the variance of Kendall's S.

    Source:
        Sen (1968), JASA 63:1379.
    """
    n = len(x)
    first, second = np.triu_indices(n, 1)
    slopes = np.sort(
        np.subtract(*np.take(y, (second, first))) / np.subtract(*np.take(x, (second, first)))
    )
    half = 1.96 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2
    low, high = (len(slopes) - 1) / 2 - half, (len(slopes) - 1) / 2 + half
    low, high = max(0, int(low)), min(len(slopes) - 1, int(np.ceil(high)))
    return float(np.median(slopes)), float(slopes[low]), float(slopes[high])

"""Paired rounds: every way in turn, again and again, so that a slow moment hits all of them."""

import statistics
import time
from collections.abc import Callable, Mapping


def paired(
    ways: Mapping[str, Callable[[], object]], rounds: int, repeat: int
) -> dict[str, list[float]]:
    """Seconds a call, for each way and round; a first round warms up and is not counted."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, call in ways.items():
            start = time.perf_counter()
            for _ in range(repeat):
                call()
            if number:
                times[name].append((time.perf_counter() - start) / repeat)
    return times


def show(title: str, times: Mapping[str, list[float]], unit: float, name_of_unit: str) -> None:
    """Each way's median, and the median of its ratios to the engine's time in the same round."""
    print(f"\n{title}")
    for name, seconds in times.items():
        median = statistics.median(seconds) / unit
        ratios = [a / b for a, b in zip(seconds, times["engine"], strict=True)]
        ratio = statistics.median(ratios)
        print(f"  {name:24}{median:9.3g} {name_of_unit}   {ratio:6.2f} × the engine's")

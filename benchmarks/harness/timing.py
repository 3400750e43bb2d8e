"""Paired rounds: every way in turn, again and again, so that a slow moment hits all of them."""

import statistics
import time
from collections.abc import Callable, Mapping

Run = Callable[[int], object]  # does so many steps, and returns when they are done


def repeated(step: Callable[[], object]) -> Run:
    """One step after another."""

    def run(steps: int) -> None:
        for _ in range(steps):
            step()

    return run


def paired(ways: Mapping[str, Run], rounds: int, steps: int) -> dict[str, list[float]]:
    """Seconds a step, for each way and round; a first round warms up and is not counted."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            start = time.perf_counter()
            run(steps)
            if number:
                times[name].append((time.perf_counter() - start) / steps)
    return times


def show(title: str, times: Mapping[str, list[float]], unit: float, name_of_unit: str) -> None:
    """Each way's median, and the median of its ratios to the engine's time in the same round."""
    print(f"\n{title}")
    for name, seconds in times.items():
        median = statistics.median(seconds) / unit
        ratios = [a / b for a, b in zip(seconds, times["engine"], strict=True)]
        ratio = statistics.median(ratios)
        print(f"  {name:24}{median:9.3g} {name_of_unit}   {ratio:6.2f} × the engine's")

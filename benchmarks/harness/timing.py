"""Paired rounds: all ways in turn, repeated, so that a slow moment of the machine affects all."""

import math
import statistics
import time
from collections.abc import Callable, Mapping

Run = Callable[[int], object]  # does a number of steps


def repeated(step: Callable[[], object]) -> Run:
    """Return a run that repeats one step."""

    def run(steps: int) -> None:
        for _ in range(steps):
            step()

    return run


def paired(
    ways: Mapping[str, Run],
    rounds: int,
    steps: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time several ways in turn; a first round warms up and is not counted.

    Args:
        ways: The runs by name.
        rounds: The number of counted rounds.
        steps: The steps per run.
        clock: The clock; `time.process_time` does not count the time of other programs.

    Returns:
        For each way, the seconds per step of each round.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            start = clock()
            run(steps)
            if number:
                times[name].append((clock() - start) / steps)
    return times


def ratio(times: Mapping[str, list[float]], way: str, other: str) -> float:
    """Return the median of the ratios of two ways in the same round; NaN if one is missing.

    Args:
        times: For each way, the seconds per step of each round.
        way: The way whose time is divided.
        other: The way whose time it is divided by.
    """
    if way not in times or other not in times:
        return math.nan
    return statistics.median(a / b for a, b in zip(times[way], times[other], strict=True))


def show(title: str, times: Mapping[str, list[float]], unit: float, name_of_unit: str) -> None:
    """Print each way's median, and the median of its ratios to the engine in the same round.

    Args:
        title: The title.
        times: For each way, the seconds per step of each round.
        unit: The unit of the table in seconds.
        name_of_unit: The name of the unit.
    """
    print(f"\n{title}")
    for name, seconds in times.items():
        median = statistics.median(seconds) / unit
        of_engine = ratio(times, name, "engine")
        print(f"  {name:24}{median:9.3g} {name_of_unit}   {of_engine:6.2f} × the engine's")

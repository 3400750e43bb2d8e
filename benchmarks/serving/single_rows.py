"""One row per request: requests per second, and as a share of the bare server's."""

import http.client
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.harness.closed_loop import Figures, load, status_of
from benchmarks.harness.processes import Running, Server
from benchmarks.serving.servers import BARE, Contestant

WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Turns:
    """The length of the comparison.

    Attributes:
        rounds: The number of rounds.
        seconds: The duration of a server's turn.
        connections: The number of connections.
    """

    rounds: int
    seconds: int
    connections: int


@dataclass(frozen=True)
class Turn(Figures):
    """A server's results in one round.

    Attributes:
        cpu: CPU time per request in µs.
    """

    cpu: float


FAILED = Turn(0, np.nan, np.nan, np.nan, 1, np.nan)


def _turn(contestant: Contestant, running: Running, turns: Turns, first: bool) -> Turn:
    request, port = contestant.request, running.port
    with running.awake():
        try:
            if status_of(port, request) != 200:
                return FAILED
            if first:
                load(port, request, WARM_UP_SECONDS, turns.connections)
            before = running.cpu_seconds()
            figures = load(port, request, turns.seconds, turns.connections)
            spent = running.cpu_seconds() - before
        except (OSError, http.client.HTTPException, subprocess.SubprocessError):
            return FAILED  # no response at all
    return Turn(**asdict(figures), cpu=spent / max(1, figures.requests) * 1e6)


def show(
    contestants: Sequence[Contestant], running: Mapping[Server, Running], turns: Turns
) -> dict[str, list[dict[str, float]]]:
    """Print a table.

    Args:
        contestants: The rows of the table.
        running: The started servers.
        turns: The length of the comparison.

    Returns:
        Each contestant's results in each round.
    """
    taken: dict[str, list[Turn]] = {each.name: [] for each in contestants}
    for number in range(turns.rounds):
        for each in contestants[:: -1 if number % 2 else 1]:
            turn = _turn(each, running[each.server], turns, first=not number)
            taken[each.name].append(turn)
    print(f"\nOne row per request, {turns.connections} connections")
    print(f"  {'':26}{'requests/s':>11}{'of bare':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}")
    floor = [each.per_second for each in taken[BARE]]
    for name, rounds in taken.items():
        failures = sum(each.failures for each in rounds)
        if failures:
            print(f"  {name:26}invalid: {failures} requests were not answered with 200")
            continue
        ratio = statistics.median(a.per_second / b for a, b in zip(rounds, floor, strict=True))
        per_second, p50, p99, cpu = (
            statistics.median(getattr(each, key) for each in rounds)
            for key in ("per_second", "p50", "p99", "cpu")
        )
        print(f"  {name:26}{per_second:11,.0f}{ratio:9.3f}{p50:9.2f}{p99:9.2f}{cpu:9,.0f}")
    return {name: [asdict(each) for each in rounds] for name, rounds in taken.items()}

"""One row per request: requests per second, latency, and CPU time beside the bare server's."""

import http.client
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.harness import table
from benchmarks.harness.closed_loop import Figures, load, status_of
from benchmarks.harness.processes import Running, Server
from benchmarks.serving.servers import BARE, Contestant

WARM_UP_SECONDS = 1
COLUMNS = ("requests/s", "p50 ms", "p99 ms", "p99 ÷ bare", "CPU µs", "CPU ÷ bare")


@dataclass(frozen=True)
class Turn(Figures):
    """A server's results in one round.

    Attributes:
        cpu: CPU time of the server per request in µs.
    """

    cpu: float


FAILED = Turn(0, np.nan, np.nan, np.nan, 1, np.nan)


class Rounds:
    """The results of paired rounds with a number of connections.

    Args:
        turns: The results of each server, by name, in the order of the rounds.

    Attributes:
        turns: The same.
    """

    def __init__(self, turns: Mapping[str, list[Turn]]) -> None:
        self.turns = turns

    def median(self, name: str, key: str) -> float:
        """Return the median of a figure over the rounds; NaN if a request failed.

        Args:
            name: The server's name.
            key: The figure, an attribute of `Turn`.
        """
        return statistics.median(self._figures(name, key))

    def ratio(self, name: str, other: str, key: str) -> float:
        """Return the median of the rounds' ratios of two servers; NaN if a request failed.

        Args:
            name: The first server's name.
            other: The name of the server that it is divided by.
            key: The figure, an attribute of `Turn`.
        """
        pairs = zip(self._figures(name, key), self._figures(other, key), strict=True)
        return statistics.median(a / b for a, b in pairs)

    def failures(self, name: str) -> int:
        """Return the number of failed requests of a server."""
        return sum(turn.failures for turn in self.turns[name])

    def as_json(self) -> dict[str, list[dict[str, float]]]:
        """Return the results of all rounds as JSON values."""
        return {name: [asdict(turn) for turn in turns] for name, turns in self.turns.items()}

    def _figures(self, name: str, key: str) -> list[float]:
        failed = self.failures(name)
        return [np.nan if failed else getattr(turn, key) for turn in self.turns[name]]


def measure(
    contestants: Sequence[Contestant],
    running: Mapping[Server, Running],
    rounds: int,
    seconds: int,
    connections: int,
) -> Rounds:
    """Load the servers in turns.

    Args:
        contestants: The servers and their requests.
        running: The started servers.
        rounds: The number of rounds.
        seconds: The duration of a server's turn.
        connections: The number of connections.
    """
    taken: dict[str, list[Turn]] = {each.name: [] for each in contestants}
    for number in range(rounds):
        for each in contestants[:: -1 if number % 2 else 1]:
            server = running[each.server]
            taken[each.name].append(_turn(each, server, seconds, connections, first=not number))
    return Rounds(taken)


def _turn(
    contestant: Contestant, running: Running, seconds: int, connections: int, *, first: bool
) -> Turn:
    request, port = contestant.request, running.port
    with running.awake():
        try:
            if status_of(port, request) != 200:
                return FAILED
            if first:
                load(port, request, WARM_UP_SECONDS, connections)
            before = running.cpu_seconds()
            figures = load(port, request, seconds, connections)
            spent = running.cpu_seconds() - before
        except (OSError, http.client.HTTPException, subprocess.SubprocessError):
            return FAILED  # no response at all
    return Turn(**asdict(figures), cpu=spent / max(1, figures.requests) * 1e6)


def show(rounds: Rounds, connections: int) -> None:
    """Print a table.

    Args:
        rounds: The results.
        connections: The number of connections.
    """
    plural = "s" if connections > 1 else ""
    table.show(f"One row per request, {connections} connection{plural}", COLUMNS, _rows(rounds))


def _rows(rounds: Rounds) -> Iterator[tuple[str, Sequence[float]]]:
    for name in rounds.turns:
        medians = [rounds.median(name, key) for key in ("per_second", "p50", "p99", "cpu")]
        p99, cpu = (rounds.ratio(name, BARE, key) for key in ("p99", "cpu"))
        yield name, [*medians[:3], p99, medians[3], cpu]
        if failures := rounds.failures(name):
            print(f"\n({name} did not answer {failures} requests with 200.)\n")

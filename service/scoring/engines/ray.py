"""The engine on Ray: a cluster that exists, or worker processes of this machine."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError, WorkerCrashedError

from model.errors import MalignancyError
from service.scoring.engines.engine import TRIES, lost_worker

IN_FLIGHT: Final = 4  # items for each core: none waits for this process

_T = TypeVar("_T")
_R = TypeVar("_R")


class RayEngine:
    """Runs items as Ray tasks, which need one core each.

    If the control service of the cluster is lost, Ray ends this process after 60 s.

    Args:
        workers: Number of cores of this machine to use; unused with a cluster.
        cluster: Address of a cluster: auto, HOST:PORT or ray://HOST:10001; None to start Ray here.

    Raises:
        MalignancyError: The cluster cannot be reached.
    """

    def __init__(self, workers: int, cluster: str | None = None) -> None:
        self._name = cluster or "Ray on this machine"
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no reports to Ray's developers
        try:
            ray.init(
                cluster or "local",
                num_cpus=None if cluster else workers,
                include_dashboard=None if cluster else False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise MalignancyError(f"{self._name}: Ray cannot be reached: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ray.shutdown()

    def run(self, function: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[tuple[int, _R]]:
        task = ray.remote(num_cpus=1, max_retries=TRIES - 1)(_call)
        shared = ray.put(function)
        waiting = iter(range(len(items)))
        running: dict[Any, int] = {}  # by reference
        results: list[tuple[int, _R]] = []
        try:
            while True:
                cores = int(ray.cluster_resources().get("CPU", 0))
                free = max(cores, 1) * IN_FLIGHT - len(running)
                for _, index in zip(range(free), waiting, strict=False):
                    running[task.remote(shared, items[index])] = index
                yield from results
                if not running:
                    return
                done, _ = ray.wait(list(running))
                results = [
                    (running[each], _result(each, items[running.pop(each)])) for each in done
                ]
        except RayError as error:
            reason = str(error).strip().partition("\n")[0]
            raise MalignancyError(f"{self._name}: {reason}") from None
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def _call(function: Callable[[_T], _R], item: _T) -> _R:
    return function(item)


def _result(reference: Any, item: object) -> Any:
    try:
        return ray.get(reference)
    except WorkerCrashedError:
        raise lost_worker(item) from None
    except RayTaskError as error:
        raise error.cause from None

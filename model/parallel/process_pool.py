"""Processes of this machine, started by joblib with one BLAS thread each."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import Any, TypeVar

import joblib

from model.errors import MalignancyError

T = TypeVar("T")
R = TypeVar("R")


class ProcessPool:
    """Processes of this machine; a pool of one is this process.

    Args:
        jobs: Number of processes.
    """

    def __init__(self, jobs: int) -> None:
        self.size, self.is_here = jobs, jobs == 1

    def share(self, value: Any) -> Any:
        """Return the value: joblib maps its large arrays into the processes' memory."""
        return value

    def run(
        self,
        function: Callable[[Any, T], R],
        items: Iterable[T],
        shared: Any = None,
        *,
        ahead: int = 2,
    ) -> Generator[tuple[int, R], None, None]:
        """Call a function with each item, as `Pool.run` describes.

        Args:
            function: A function of a module.
            items: The items.
            shared: What `share` returned.
            ahead: Items that are read for each process; with 1, each is sent on its own.

        Raises:
            MalignancyError: A process ended unexpectedly, or the function raised it.
        """
        if self.is_here:
            for number, item in enumerate(items):
                yield number, function(shared, item)
            return
        with joblib.parallel_config("loky", n_jobs=self.size, inner_max_num_threads=1):
            parallel = joblib.Parallel(
                return_as="generator_unordered",
                pre_dispatch=f"{ahead}*n_jobs",
                batch_size=1 if ahead == 1 else "auto",
            )
        results: Any = parallel(  # a generator, whatever its type says
            joblib.delayed(_numbered)(number, function, shared, item)
            for number, item in enumerate(items)
        )
        with closing(results):
            try:
                yield from results
            except BrokenProcessPool:
                raise MalignancyError(
                    "a process ended unexpectedly: it may have needed more memory than there is"
                ) from None

    def close(self) -> None:
        """Release nothing: joblib ends idle processes."""


def _numbered(number: int, function: Callable[[Any, T], R], shared: Any, item: T) -> tuple[int, R]:
    return number, function(shared, item)

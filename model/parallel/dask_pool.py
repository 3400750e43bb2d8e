"""The workers of a Dask cluster.

joblib has a backend for Dask. It waits forever for a task that ended its workers too often, sends a
table with each task unless it was scattered before, and takes about four times as long for a call
of short tasks. So this pool uses the public interface of `distributed`.
"""

import asyncio
import logging
import pickle
import queue
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from typing import Any, Final, TypeVar

from model.errors import MalignancyError
from model.parallel.remote_call import call, versions

T = TypeVar("T")
R = TypeVar("R")

CONNECT_SECONDS: Final = 10  # for the scheduler to answer
WORKER_SECONDS: Final = 60  # for a worker to come, at the start and after the last one is lost
RESULT_SECONDS: Final = 60  # for a result to arrive before the scheduler is looked at
CLOSE_SECONDS: Final = 2  # for a connection to be closed properly
CHECK_SECONDS: Final = 1.0  # between two looks at the scheduler while no task ends


class LostTask(MalignancyError):
    """A task whose workers ended too often.

    Args:
        text: The text of the error.
        number: Number of its item.
        workers: Number of the workers that ended.
    """

    def __init__(self, text: str, number: int, workers: int) -> None:
        super().__init__(text)
        self.number, self.workers = number, workers


class DaskPool:
    """The workers of a Dask cluster.

    A lost worker's tasks run again on others. `distributed` takes TLS certificates and keys from
    its own configuration.

    Args:
        address: Address of the scheduler.

    Raises:
        MalignancyError: Dask is not installed, the scheduler cannot be reached, or it has no
            workers.
    """

    def __init__(self, address: str) -> None:
        if find_spec("distributed") is None:
            raise MalignancyError("--cluster needs Dask: pip install distributed")
        distributed: Any = import_module("distributed")

        # Its log has a traceback of each lost connection, which this pool reports as one line.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._distributed, self._address = distributed, address
        self.is_here = False
        try:
            with ThreadPoolExecutor(1) as thread:  # a notebook's thread has an event loop
                # Tried first, since a Client that cannot connect cannot be closed, too.
                thread.submit(lambda: asyncio.run(_connect(address))).result()
            self._client: Any = distributed.Client(address, set_as_default=False)
        except (OSError, TypeError, ValueError) as error:  # TypeError: TLS without certificates
            reason = " ".join(str(error).split())
            raise MalignancyError(f"--cluster: {address} cannot be reached: {reason}") from None
        try:
            self._client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError:
            self.close()
            raise self._without_workers() from None
        self.size, self._counted = self._threads(), time.monotonic()

    def share(self, value: Any) -> Any:
        """Send a value to the scheduler once; return a reference.

        A worker copies the value from the scheduler or from another worker when it first needs it.
        The scheduler keeps the bytes, since data that `Client.scatter` sends to workers is lost
        with the last worker that has a copy.
        """
        content = import_module("cloudpickle").dumps(value)  # a model may hold local functions
        with import_module("dask").config.set(
            {"distributed.admin.large-graph-warning-threshold": "1 PB"}
        ):
            return self._submit(pickle.loads, content)

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
            ahead: Items that are read for each worker.

        Raises:
            MalignancyError: The cluster is lost, or the function raised it.
        """
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        running: dict[Any, int] = {}
        remaining = enumerate(items)

        def submit(number: int, item: T) -> None:
            task = self._submit(call, versions(), function, shared, item)
            running[task] = number
            task.add_done_callback(ended.put)

        def submit_next() -> None:
            wanted = max(1, ahead * self.size) - len(running)
            for number, item in islice(remaining, max(0, wanted)):
                submit(number, item)

        try:
            submit_next()
            while running:
                task = self._next(ended)
                number = running.pop(task)
                yield number, self._result(task, number)
                self._count_workers()
                submit_next()
        finally:
            if running and self._client.status == "running":
                self._client.cancel(list(running))

    def close(self) -> None:
        """Cancel what is not yet finished, and leave the cluster."""
        with suppress(OSError, TimeoutError):
            self._client.close(timeout=CLOSE_SECONDS)

    def _submit(self, *call_and_arguments: Any) -> Any:
        try:
            return self._client.submit(*call_and_arguments, pure=False)
        except (OSError, RuntimeError):
            raise self._lost() from None

    def _next(self, ended: "queue.SimpleQueue[Any]") -> Any:
        """Wait for the end of a task."""
        seen = time.monotonic()
        while True:
            try:
                return ended.get(timeout=CHECK_SECONDS)
            except queue.Empty:
                if self._client.status != "running":
                    raise self._lost() from None
            if self._threads():
                seen = time.monotonic()
            elif time.monotonic() - seen > WORKER_SECONDS:
                raise self._without_workers()

    def _result(self, task: Any, number: int) -> Any:
        """Return the result of a task; a result that is lost with its worker is computed again."""
        if task.status == "error":
            raise self._error(task.exception(timeout=RESULT_SECONDS), number) from None
        try:
            while True:
                with suppress(TimeoutError):
                    return task.result(timeout=RESULT_SECONDS)
                self._threads()
        except (CancelledError, OSError):
            raise self._lost() from None

    def _error(self, error: BaseException, number: int) -> BaseException:
        """Return the error of a task, or a clear one for what the cluster lacks."""
        if isinstance(error, self._distributed.KilledWorker):
            failure: Any = error
            workers = failure.allowed_failures + 1
            text = (
                f"--cluster: a task ended {workers} workers, the last one "
                f"{failure.last_worker.address}: it may need more memory than they have"
            )
            return LostTask(text, number, workers)
        cause = error.__cause__ or error  # of an error when the scheduler unpacks tasks
        if isinstance(cause, ImportError):
            return MalignancyError(
                f"--cluster: {cause}: scheduler and workers need the packages of this program"
            )
        return error

    def _count_workers(self) -> None:
        """Count the workers at most once a second: some may have come since, or are lost."""
        now = time.monotonic()
        if now - self._counted >= CHECK_SECONDS:
            self.size, self._counted = self._threads(), now

    def _threads(self) -> int:
        """Return the number of tasks that the workers run at the same time."""
        try:
            return sum(self._client.nthreads().values())
        except OSError:
            raise self._lost() from None

    def _lost(self) -> MalignancyError:
        return MalignancyError(
            f"--cluster: the scheduler at {self._address}, or data that it held, is lost: "
            "start the command again"
        )

    def _without_workers(self) -> MalignancyError:
        return MalignancyError(
            f"--cluster: {self._address} has had no worker for {WORKER_SECONDS} s: start "
            "some with dask worker"
        )


async def _connect(address: str) -> None:
    """Connect to a scheduler and disconnect, with the certificates of the configuration."""
    security: Any = import_module("distributed.security")
    comms: Any = import_module("distributed.comm")
    arguments = security.Security().get_connection_args("client")
    comm = await comms.connect(address, timeout=CONNECT_SECONDS, **arguments)
    await comm.close()

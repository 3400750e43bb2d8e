"""Background tasks, which no exception ends: it is logged and counted, and the task goes on."""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NoReturn

from prometheus_client import Counter

from service.backoff import Backoff

logger = logging.getLogger(__name__)

MAX_PAUSE_SECONDS: Final = 10.0  # between a failure of a task and its next step; fixed

# Of the process, since a task may belong to no application. Each application's metrics include it.
FAILURES: Final = Counter(
    "background_failures",
    "Exceptions in background tasks, which continue, by task.",
    ("task",),
    namespace="malignancy",
    registry=None,
)


def report_failure(task: str) -> None:
    """Log and count the exception that is being handled; never raises another one.

    Args:
        task: Name of the background task, one of a fixed number.
    """
    with suppress(Exception):  # such as a MemoryError, which the task has just survived
        FAILURES.labels(task).inc()
        logger.exception("background_task_failed", extra={"task": task})


def lower_priority(niceness: int) -> None:
    """Give the current thread a lower priority, where threads have their own: on Linux.

    Args:
        niceness: From 1 to 19, the lowest priority.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


async def repeat(task: str, step: Callable[[], Awaitable[None]]) -> NoReturn:
    """Run the steps of a background task until it is cancelled.

    After an exception the next step waits, up to `MAX_PAUSE_SECONDS` after several in a row.

    Args:
        task: Name of the background task.
        step: Function that waits for work and does it.
    """
    backoff = Backoff(MAX_PAUSE_SECONDS)
    while True:
        try:
            await step()
            backoff.reset()
        except Exception:
            report_failure(task)
            await asyncio.sleep(backoff.record(failed=True))


def repeat_in_thread(task: str, step: Callable[[], None]) -> NoReturn:
    """Run the steps of a background task in this thread, as `repeat` does in the event loop.

    Args:
        task: Name of the background task.
        step: Function that waits for work and does it.
    """
    backoff = Backoff(MAX_PAUSE_SECONDS)
    while True:
        try:
            step()
            backoff.reset()
        except Exception:
            report_failure(task)
            time.sleep(backoff.record(failed=True))

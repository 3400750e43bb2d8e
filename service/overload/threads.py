"""Run blocking work in a thread, or answer 503 if the operating system has no thread left."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from service.problems import service_unavailable

P = ParamSpec("P")
R = TypeVar("R")


async def run_in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run work in a thread of the pool, in the context of the caller.

    Args:
        work: The function to call.
        *args: Its positional arguments.
        **kwargs: Its keyword arguments.

    Returns:
        The result of `work`.

    Raises:
        Problem: The operating system cannot start another thread (503).
    """
    started = False

    def call() -> R:
        nonlocal started
        started = True
        return work(*args, **kwargs)

    try:
        return await run_in_threadpool(call)
    except RuntimeError:
        if started:
            raise
        raise service_unavailable("The service cannot start another thread now.") from None

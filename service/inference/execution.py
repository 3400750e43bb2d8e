"""Run work in the event loop if it is short, else in a thread."""

from collections.abc import Callable
from typing import Final, TypeVar

from service.codecs.charge import Charge, uncharged
from service.overload.limiter import WorkLimiter
from service.overload.memory import request_lease

R = TypeVar("R")

# Work on a larger body, or on more values, takes more than a few milliseconds, and would delay
# every other request.
INLINE_BYTES: Final = 32 * 1024
INLINE_VALUES: Final = 16 * 1024


def is_short(body: bytes, features: int, max_rows: Callable[[bytes], int]) -> bool:
    """Return True if a body can be parsed and predicted in the event loop.

    Args:
        body: The body of a request, of at least one byte a row.
        features: Number of features of the model.
        max_rows: Function that returns an upper limit of the rows of the body.
    """
    if len(body) * features <= INLINE_VALUES:
        return True
    return len(body) < INLINE_BYTES and max_rows(body) * features <= INLINE_VALUES


async def run_work(limiter: WorkLimiter, short: bool, work: Callable[[Charge], R]) -> R:
    """Run work in the event loop if it is short, else in a thread, where its memory is charged.

    Args:
        limiter: The threads.
        short: Result of `is_short`.
        work: The function to call; its argument charges memory to the request.

    Returns:
        The result of `work`.

    Raises:
        Problem: No thread is free in time, or the memory for requests is full (503).
    """
    if short:
        return work(uncharged)
    return await limiter.run(work, request_lease.get().charge_work)


def max_lines(body: bytes) -> int:
    """Return an upper limit of the rows in CSV or NDJSON."""
    return body.count(b"\n") + body.count(b"\r") + 1


def max_json_rows(body: bytes) -> int:
    """Return an upper limit of the rows, objects or arrays, in a JSON body."""
    return max(body.count(b"["), body.count(b"{"))

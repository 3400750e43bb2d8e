"""Wait for conditions, with timeouts for a busy machine."""

import asyncio
import time
from collections.abc import Callable

SECONDS = 60.0
PAUSE_SECONDS = 0.005


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(PAUSE_SECONDS)


async def loop_until(condition: Callable[[], object]) -> None:
    """Yield to the event loop until a condition is true."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(PAUSE_SECONDS)

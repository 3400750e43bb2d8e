"""Waiting for what comes about, patiently: a busy machine may be slow at any moment."""

import asyncio
import time
from collections.abc import Callable

SECONDS = 60.0
PAUSE_SECONDS = 0.005


def until(true: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until this holds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(PAUSE_SECONDS)


async def loop_until(true: Callable[[], object]) -> None:
    """Let others in this event loop go on until this holds."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(PAUSE_SECONDS)

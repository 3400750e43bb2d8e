"""Notices, while the service runs, that a model's files have changed, or SIGHUP."""

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from starlette.concurrency import run_in_threadpool

from service.registry.registry import Model, ModelRegistry

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
MIN_PAUSE_SECONDS = 0.1  # between reloads, however often it is asked

Reloaded = Callable[[str, bool], None]


@asynccontextmanager
async def watch_models(models: ModelRegistry, reloaded: Reloaded) -> AsyncIterator[None]:
    """Keeps the models up to date within.

    reloaded: told the name of each model that was reloaded, and whether that went well.
    """
    asked = asyncio.Event()
    watch = asyncio.create_task(_watch(models, asked, reloaded))
    with _on_hangup(asked):
        yield
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch


@contextmanager
def _on_hangup(asked: asyncio.Event) -> Iterator[None]:
    """Has SIGHUP set the event within. Not by the loop's own way, which would leave it deadly when
    the loop closes, a little before the process ends.
    """
    if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def ask(*_: object) -> None:
        if not asked.is_set():
            loop.call_soon_threadsafe(asked.set)

    before = signal.signal(signal.SIGHUP, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


async def _watch(models: ModelRegistry, asked: asyncio.Event, reloaded: Reloaded) -> None:
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), POLL_SECONDS)
        everything = asked.is_set()
        asked.clear()
        for model in models.by_name.values():
            # Loading takes some ten milliseconds: not on the event loop.
            await run_in_threadpool(_take_over, model, everything, reloaded)
        if everything:
            await asyncio.sleep(MIN_PAUSE_SECONDS)


def _take_over(model: Model, asked: bool, reloaded: Reloaded) -> None:
    try:
        if asked or model.changed():
            model.reload()
            reloaded(model.name, model.failure is None)
    except Exception:  # whatever it is, what is served goes on, and so does the watch
        reloaded(model.name, False)
        logger.exception("model_watch_failed", extra={"model": model.name})

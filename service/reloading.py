"""Notices, while the service runs, that a model's files have changed, or SIGHUP."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool

from service.models import Models, ServedModel

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

Reloaded = Callable[[str, bool], None]


@asynccontextmanager
async def reloading(models: Models, reloaded: Reloaded) -> AsyncIterator[None]:
    """Keeps the models up to date within.

    reloaded: told the name of each model that was reloaded, and whether that went well.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows; not the main thread
        loop.add_signal_handler(signal.SIGHUP, asked.set)
    watch = asyncio.create_task(_watch(models, asked, reloaded))
    yield
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch


async def _watch(models: Models, asked: asyncio.Event, reloaded: Reloaded) -> None:
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), LOOK_SECONDS)
        everything = asked.is_set()
        asked.clear()
        for model in models.by_name.values():
            # Loading takes some ten milliseconds: not on the event loop.
            await run_in_threadpool(_take_over, model, everything, reloaded)


def _take_over(model: ServedModel, asked: bool, reloaded: Reloaded) -> None:
    try:
        if asked or model.changed():
            model.reload()
            reloaded(model.name, model.failure is None)
    except Exception:  # whatever it is, what is served goes on, and so does the watch
        reloaded(model.name, False)
        logger.exception("the look for another version of %s failed", model.name)

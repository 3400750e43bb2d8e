"""Background task that reloads models when their files change or on SIGHUP."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from time import monotonic

from starlette.concurrency import run_in_threadpool

from service.background import repeat
from service.registry.registry import Model, ModelRegistry

# Fixed values.
POLL_SECONDS = 1.0
MIN_PAUSE_SECONDS = 0.1  # between reloads, even if more signals arrive

# Called after a reload with the model's name and True if it succeeded.
OnReload = Callable[[str, bool], None]


@asynccontextmanager
async def watch_models(models: ModelRegistry, on_reload: OnReload) -> AsyncIterator[None]:
    """Keep the models up to date within the context.

    Args:
        models: The models to reload.
        on_reload: Function that is called after each reload.
    """
    reload_requested = asyncio.Event()
    for model in models.by_name.values():
        model.checked_at = monotonic()
    check = partial(_check_models, models, reload_requested, on_reload)
    task = asyncio.create_task(repeat("model_watch", check))
    with _on_hangup(reload_requested):
        yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@contextmanager
def _on_hangup(reload_requested: asyncio.Event) -> Iterator[None]:
    """Set the event on SIGHUP within the context.

    `loop.add_signal_handler` is not used: it restores the default action, which ends the process,
    when the loop closes, a little before the process ends.
    """
    if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def request_reload(*_: object) -> None:
        if not reload_requested.is_set():
            loop.call_soon_threadsafe(reload_requested.set)

    before = signal.signal(signal.SIGHUP, request_reload)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


async def _check_models(
    models: ModelRegistry, reload_requested: asyncio.Event, on_reload: OnReload
) -> None:
    """Wait for the next check, then reload the models that have changed, or all on request.

    Raises:
        ExceptionGroup: The check of a model failed in an unexpected way, for example because no
            thread could be started; all other models were checked.
    """
    with suppress(TimeoutError):
        await asyncio.wait_for(reload_requested.wait(), POLL_SECONDS)
    forced = reload_requested.is_set()
    reload_requested.clear()
    errors: list[Exception] = []
    for model in models.by_name.values():
        try:
            # Loading takes about 10 ms, which would block the event loop.
            await run_in_threadpool(_reload_if_changed, model, forced, on_reload)
        except Exception as error:
            error.add_note(f"of model {model.name}")
            errors.append(error)
        else:
            model.checked_at = monotonic()
    if errors:
        if forced:
            reload_requested.set()  # of the next check
        raise ExceptionGroup("models could not be checked", errors)
    if forced:
        await asyncio.sleep(MIN_PAUSE_SECONDS)


def _reload_if_changed(model: Model, forced: bool, on_reload: OnReload) -> None:
    if forced:
        model.refresh()
    if forced or model.changed():
        model.reload()
        on_reload(model.name, model.failure is None)

"""The service behind a real socket, in the loop of a test, which sees inside."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from model.predictor import Predictor
from service import app
from service.capacity import Capacity
from service.connection import Guard
from service.guarded import guarded
from service.settings import Settings
from service.stop import Stop

SECONDS = 60.0


class ServedHere:
    """port: of the loopback. capacity, guard, server: what is inside."""

    def __init__(self, predictor: Predictor, **settings: Any) -> None:
        given = Settings.model_validate({"access_log": False, **settings})
        made: list[Capacity] = []

        def capacity(*arguments: Any) -> Capacity:
            made.append(Capacity(*arguments))
            return made[0]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "Capacity", capacity)
            stop = Stop(0)
            served = app.create_app(given, predictor, stop=stop)
        self.capacity = made[0]
        protocol: Any = guarded(given, stop)
        self.guard: Guard = protocol.keywords["guard"]
        self.server = uvicorn.Server(
            uvicorn.Config(
                served,
                port=0,
                http=protocol,
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=10,
            )
        )
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ServedHere"]:
        """Until it is left."""
        task = asyncio.create_task(self.server.serve())
        await until(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.server.should_exit = True
            await task

    @asynccontextmanager
    async def overloaded(self) -> AsyncIterator[None]:
        """As if there were more to do than it can."""
        admission = self.guard.admission
        admission.waiting.append(_Nobody())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(admission, "is_overloaded", lambda: True)
            yield
        admission.waiting.clear()


class _Nobody:
    def begin(self) -> None:
        raise AssertionError


async def until(true: Callable[[], bool]) -> None:
    """Let others go on until this holds."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)

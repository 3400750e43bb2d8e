"""The service behind a real socket, in the event loop of a test that inspects its state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from support.eventually import loop_until

from model.prediction.predictor import Predictor
from service import app
from service.lifecycle import Lifecycle
from service.overload.admission import Admission, Decide, Lane
from service.overload.limiter import WorkLimiter
from service.protocol.connection_context import ConnectionContext
from service.protocol.http_protocol import hardened_protocol
from service.settings import Settings


class ServedHere:
    """A service on a port of the loopback interface.

    Attributes:
        limiter: The service's limits of large bodies.
        context: The state that its connections share.
        server: uvicorn's server.
        port: The port, as soon as it runs.
    """

    def __init__(self, predictor: Predictor, **settings: Any) -> None:
        validated = Settings.model_validate({"access_log": False, **settings})
        limiters: list[WorkLimiter] = []

        def limiter(*arguments: Any) -> WorkLimiter:
            limiters.append(WorkLimiter(*arguments))
            return limiters[0]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "WorkLimiter", limiter)
            lifecycle = Lifecycle(0)
            served = app.create_app(validated, predictor, lifecycle=lifecycle)
        self.limiter = limiters[0]
        self.context = ConnectionContext(validated, lifecycle, served.count_rejected, served.memory)
        self.server = uvicorn.Server(
            uvicorn.Config(
                served,
                port=0,
                http=hardened_protocol(self.context),
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
        """Serve within the context."""
        task = asyncio.create_task(self.server.serve())
        await loop_until(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.server.should_exit = True
            await task

    @asynccontextmanager
    async def overloaded(self, *, reading: bool) -> AsyncIterator[None]:
        """Simulate an overload within the context.

        Args:
            reading: True for the start of an overload, when requests are still parsed.
        """
        usual, self.context.admission = self.context.admission, _Overloaded(reading)
        yield
        self.context.admission = usual


class _Overloaded(Admission):
    def __init__(self, reading: bool) -> None:
        super().__init__()
        self.predictions = self.others = _Rejecting()
        self.predictions.overloaded = not reading

    def try_admit(self, lane: Lane, loop: asyncio.AbstractEventLoop) -> bool:  # noqa: ARG002
        return lane is self.probes


class _Rejecting(Lane):
    def enqueue(self, decide: Decide) -> None:
        asyncio.get_running_loop().call_soon(decide, False)

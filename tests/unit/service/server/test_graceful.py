"""Tests of service.server.graceful: a shutdown when no thread can be started."""

import threading
from typing import ClassVar

import pytest
import uvicorn
from support.background_failures import failures

from service.lifecycle import Lifecycle, Phase
from service.server.graceful import GracefulServer

pytestmark = pytest.mark.anyio


async def test_a_shutdown_without_a_thread_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    config = uvicorn.Config(lambda: None, lifespan="off", log_config=None)
    lifecycle = Lifecycle(0)
    server = GracefulServer(config, lifecycle)
    server.servers = []
    config.load()
    shut_down = []

    class Lifespan:
        state: ClassVar[dict[str, object]] = {}

        async def shutdown(self) -> None:
            shut_down.append(True)

    monkeypatch.setattr(server, "lifespan", Lifespan(), raising=False)
    monkeypatch.setattr(threading.Thread, "start", fail)
    before = failures("exit_timer")
    lifecycle.advance_to(Phase.CLOSING)
    await server.shutdown()
    assert shut_down == [True]
    assert failures("exit_timer") == before + 1

"""Tests of service.registry.reloader: nothing ends the watch of models, and its age is visible."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable

import pytest
from support.background_failures import failures

from model.prediction.predictor import Predictor
from service.registry import reloader
from service.registry.model_version import ModelVersion
from service.registry.registry import MAX_UNCHECKED_SECONDS, Model, ModelRegistry
from service.settings import Settings

pytestmark = pytest.mark.anyio


class Watched(Model):
    """A model whose checks are recorded; they fail as long as `error` is set."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(ModelVersion(predictor, Settings()))
        self.error: Exception | None = None
        self.checks = self.reloads = 0

    def changed(self) -> bool:
        self.checks += 1
        if self.error is not None:
            raise self.error
        return False

    def reload(self) -> bool:
        self.reloads += 1
        return True


@pytest.fixture
def model(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(reloader, "POLL_SECONDS", 0.001)
    monkeypatch.setattr("service.backoff.FIRST_SECONDS", 0.001)
    return Watched(predictor)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def test_an_exception_does_not_stop_the_watch(
    model: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    other = Model(model.current)
    other.name = "other"
    before = failures("model_watch")
    with caplog.at_level(logging.ERROR):
        async with reloader.watch_models(ModelRegistry([model, other]), lambda *_: None):
            model.error = RuntimeError("broken")
            await until(lambda: failures("model_watch") >= before + 2)
            checked = model.checked_at, other.checked_at
            await until(lambda: other.checked_at > checked[1])  # the others are still checked
            assert model.checked_at == checked[0]
            model.error = None
            await until(lambda: model.checked_at > checked[0])
    assert set(caplog.messages) == {"background_task_failed"}
    assert "RuntimeError: broken" in caplog.text
    assert "of model article" in caplog.text


async def test_a_reload_is_requested_until_a_thread_can_be_started(
    model: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    before = failures("model_watch")
    async with reloader.watch_models(ModelRegistry([model]), lambda *_: None):
        with monkeypatch.context() as patch:
            patch.setattr(reloader, "run_in_threadpool", fails)
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: failures("model_watch") >= before + 2)
            assert model.reloads == 0
        await until(lambda: model.reloads > 0)


async def test_health_reports_a_watch_that_does_not_check(model: Watched) -> None:
    models = ModelRegistry([model])
    assert "failures" not in models.describe_health()  # the watch has not begun
    block = threading.Event()
    model.changed = block.wait  # type: ignore[method-assign]
    async with reloader.watch_models(models, lambda *_: None):
        assert "failures" not in models.describe_health()
        model.checked_at -= MAX_UNCHECKED_SECONDS + 5
        (text,) = models.describe_health()["failures"].values()
        assert text == "its files were last checked 35 s ago"
        model.failure = "broken"
        assert models.describe_health()["failures"] == {"article": f"broken; {text}"}
        block.set()
        await until(lambda: models.describe_health().get("failures") == {"article": "broken"})

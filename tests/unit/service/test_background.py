"""Tests of service.background: no exception ends a task, and each is logged and counted."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable

import pytest
from support.background_failures import failures

from service import background
from service.background import (
    MAX_PAUSE_SECONDS,
    lower_priority,
    repeat,
    repeat_in_thread,
    report_failure,
)
from service.observability.metrics import Telemetry


class Ended(BaseException):
    """Ends a task that is repeated."""


class Steps:
    """A step that fails, succeeds once, fails again, and ends."""

    def __init__(self, fails: int, then: int) -> None:
        self.results: list[BaseException | None] = [
            *[ValueError("broken")] * fails,
            None,
            *[MemoryError()] * then,
            Ended(),
        ]

    def __call__(self) -> None:
        result = self.results.pop(0)
        if result is not None:
            raise result

    async def in_loop(self) -> None:
        self()


def run_in_loop(steps: Steps) -> None:
    asyncio.run(repeat("test", steps.in_loop))


def run_in_thread(steps: Steps) -> None:
    repeat_in_thread("test", steps)


@pytest.mark.parametrize("run", [run_in_loop, run_in_thread])
def test_a_task_continues_after_failures_with_growing_pauses(
    run: Callable[[Steps], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("service.background.asyncio.sleep", sleep)
    monkeypatch.setattr("service.background.time.sleep", pauses.append)
    before = failures("test")
    with caplog.at_level(logging.ERROR), pytest.raises(Ended):
        run(Steps(6, then=2))
    assert pauses == [1, 2, 4, 8, MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS, 1, 2]
    assert failures("test") == before + 8
    assert caplog.messages == ["background_task_failed"] * 8
    assert {vars(each)["task"] for each in caplog.records} == {"test"}
    assert "ValueError: broken" in caplog.text


def test_a_failure_that_cannot_be_reported_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(background.logger, "exception", fail)
    report_failure("test")


def test_every_application_reports_the_failures() -> None:
    report_failure("test")
    for telemetry in (Telemetry(), Telemetry()):
        counted = telemetry.registry.get_sample_value(
            "malignancy_background_failures_total", {"task": "test"}
        )
        assert counted == failures("test") > 0


@pytest.mark.skipif(not hasattr(os, "setpriority"), reason="has no priorities")
def test_only_the_thread_has_a_lower_priority() -> None:
    found: list[int] = []

    def run() -> None:
        lower_priority(7)
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [7]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before

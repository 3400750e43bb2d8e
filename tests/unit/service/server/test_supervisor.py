"""Tests of service.server.supervisor: which workers are started, when, and when it gives up."""

import logging
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import ClassVar

import pytest

from service.lifecycle import Lifecycle, Phase
from service.server import supervisor
from service.server.supervisor import MAX_FAILED_STARTS, Supervisor
from service.settings import Settings


class Worker:
    """A worker that starts, serves and exits when the test says so."""

    started: ClassVar[list["Worker"]] = []
    cannot_start = False

    def __init__(self, *_: object) -> None:
        if self.cannot_start:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.process = SimpleNamespace(exitcode=None, sentinel=None)
        self.pid = len(self.started)
        self.pipe = None
        self.ready = self.becomes_ready = False
        self.started.append(self)

    def receive(self) -> None:
        self.ready = self.becomes_ready

    def send(self, _: Phase) -> None:
        self.receive()

    def reap(self) -> None:
        assert self.process.exitcode is not None

    def exit(self) -> None:
        self.process.exitcode = 1


class Supervised:
    """A supervisor of two workers, and the time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lifecycle = Lifecycle(0)
        with socket.socket() as listener:
            self.supervisor = Supervisor(
                lambda *_: None, Settings(workers=2), [listener], self.lifecycle
            )

    def step(self, seconds: float = 0) -> list[Worker]:
        """Advance the time, and return the workers that are then started."""
        self.now += seconds
        before = len(Worker.started)
        self.supervisor._replace_workers()
        self.supervisor._broadcast_and_wait()
        return Worker.started[before:]


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervised]:
    supervised = Supervised()
    monkeypatch.setattr(Worker, "started", [])
    monkeypatch.setattr(supervisor, "Worker", Worker)
    monkeypatch.setattr(supervisor, "wait", lambda *_: None)
    monkeypatch.setattr("service.backoff.monotonic", lambda: supervised.now)
    yield supervised
    for end in (supervised.supervisor._wakeup_reader, supervised.supervisor._wakeup_writer):
        end.close()


def test_a_worker_that_was_ready_is_replaced_at_once(supervised: Supervised) -> None:
    workers = supervised.step()
    assert len(workers) == 2
    for each in workers:
        each.becomes_ready = True
    for _ in range(3 * MAX_FAILED_STARTS):
        assert supervised.step() == []
        workers[0].exit()
        (workers[0],) = supervised.step()
        workers[0].becomes_ready = True
    assert not supervised.lifecycle.stopping


def test_failed_starts_are_repeated_one_at_a_time_and_less_and_less_often(
    supervised: Supervised, caplog: pytest.LogCaptureFixture
) -> None:
    for each in supervised.step():
        each.exit()
    waits = []
    for _ in range(MAX_FAILED_STARTS - 1):
        start, found = supervised.now, supervised.step()
        while not found:
            found = supervised.step(0.5)
        waits.append(supervised.now - start)
        (worker,) = found
        assert not supervised.lifecycle.stopping
        assert supervised.step(100) == []  # it takes long to start
        worker.exit()
    assert supervised.step() == []
    assert waits == [1, 2, 4, 8, 16, 32, 60]
    assert supervised.lifecycle.phase == Phase.CLOSING
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert (record.message, vars(record)["failed_starts"]) == (
        "workers_cannot_start",
        MAX_FAILED_STARTS,
    )


def test_a_worker_that_is_ready_again_ends_the_backoff(supervised: Supervised) -> None:
    for each in supervised.step():
        each.exit()
    assert supervised.step() == []
    (worker,) = supervised.step(1)
    worker.becomes_ready = True
    assert supervised.step() == []  # the supervisor learns that it is ready
    assert len(supervised.step()) == 1
    Worker.started[-1].exit()
    assert supervised.step() == []
    assert supervised.step(0.9) == []
    assert len(supervised.step(0.1)) == 1  # the first delay again


def test_it_does_not_give_up_while_a_worker_serves(supervised: Supervised) -> None:
    serving, failing = supervised.step()
    serving.becomes_ready = True
    for _ in range(2 * MAX_FAILED_STARTS):
        failing.exit()
        supervised.step()
        (failing,) = supervised.step(60)
    serving.exit()
    assert supervised.step() == []
    failing.exit()
    supervised.step()
    assert supervised.lifecycle.phase == Phase.CLOSING


def test_a_process_that_cannot_be_created_is_a_failed_start(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "cannot_start", True)
        assert supervised.step() == []
        assert supervised.step(0.9) == []
    assert caplog.messages == ["worker_startup_failed"]
    assert len(supervised.step(0.1)) == 1

"""service/protocol/timeouts.py: one timer for all connections, and the rule of deadlines."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from support.background_failures import failures

from service.protocol import timeouts
from service.protocol.timeouts import (
    BYTES_PER_SECOND,
    SLICE_SECONDS,
    TICK_SECONDS,
    Deadline,
    DeadlineTimer,
)


class Loop:
    """The part of an event loop that the timer needs, with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self.soon: list[Callable[[], object]] = []

    def time(self) -> float:
        return self.now

    def call_later(
        self, seconds: float, callback: Callable[..., object], *arguments: object
    ) -> None:
        self.timers.append((self.now + seconds, lambda: callback(*arguments)))

    def call_soon(self, callback: Callable[..., object], *arguments: object) -> None:
        self.soon.append(lambda: callback(*arguments))

    def advance(self, seconds: float) -> None:
        """Move the clock and call the timers that are due."""
        self.now += seconds
        due = [call for at, call in self.timers if at <= self.now]
        self.timers = [(at, call) for at, call in self.timers if at > self.now]
        for call in due:
            call()

    def run_soon(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()


class Ticked:
    """A connection that records its ticks."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.seconds: list[float] = []
        self.then = then

    def on_tick(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.then()

    def disconnect(self) -> None:
        raise AssertionError("no deadline has failed")


@pytest.fixture
def loop() -> Loop:
    return Loop()


def add(timer: DeadlineTimer, connection: Ticked, loop: Loop) -> None:
    timer.add(connection, cast(AbstractEventLoop, loop))


@pytest.fixture(autouse=True)
def _still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every tick end within its slice, however busy the machine is."""
    monkeypatch.setattr(timeouts, "perf_counter", lambda: 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """Set the values that `perf_counter` returns, call after call."""

    def set_times(times: list[float]) -> None:
        values: Iterator[float] = iter(times)
        monkeypatch.setattr(timeouts, "perf_counter", lambda: next(values))

    return set_times


def test_every_tick_reports_the_elapsed_time_to_every_connection(loop: Loop) -> None:
    timer, first, second = DeadlineTimer(), Ticked(), Ticked()
    add(timer, first, loop)
    loop.now += 0.125
    add(timer, second, loop)
    assert [at for at, _ in loop.timers] == [100 + TICK_SECONDS]  # one timer for all
    loop.advance(0.125)
    loop.advance(0.5)
    assert [at for at, _ in loop.timers] == [100.75 + TICK_SECONDS]
    assert first.seconds == second.seconds == [0.25, 0.5]


def test_the_timer_stops_without_connections(loop: Loop) -> None:
    timer, first, second = DeadlineTimer(), Ticked(), Ticked()
    add(timer, first, loop)
    timer.discard(first)
    timer.discard(first)
    loop.advance(TICK_SECONDS)
    assert (first.seconds, loop.timers) == ([], [])
    loop.advance(50)
    add(timer, second, loop)  # the time before it was added does not count
    loop.advance(TICK_SECONDS)
    assert second.seconds == [TICK_SECONDS]
    assert len(loop.timers) == 1


@pytest.mark.parametrize(
    ("passed", "reported"), [(1.0, 1.0), (1.25, 1.0), (9.0, 1.0), (0.75, 0.75)]
)
def test_time_in_which_the_process_was_blocked_does_not_count(
    loop: Loop, passed: float, reported: float
) -> None:
    timer, connection = DeadlineTimer(), Ticked()
    add(timer, connection, loop)
    loop.advance(passed)
    loop.advance(TICK_SECONDS)
    assert connection.seconds == [reported, TICK_SECONDS]


def test_a_long_tick_is_cut_into_slices(loop: Loop, clock: Callable[[list[float]], None]) -> None:
    timer, connections = DeadlineTimer(), [Ticked() for _ in range(3)]
    for each in connections:
        add(timer, each, loop)
    clock([0, SLICE_SECONDS, 1, 1, 2, 3, 3])
    loop.advance(TICK_SECONDS)
    # The first call ends exactly with its slice, which does not exceed it; the second exceeds it.
    assert sorted(each.seconds for each in connections) == [[], [0.25], [0.25]]
    assert loop.timers == []
    loop.now += 2  # other callbacks of the loop run, and may add connections
    remaining = next(each for each in connections if not each.seconds)
    late = Ticked()
    add(timer, late, loop)
    loop.run_soon()
    assert remaining.seconds == [0.25]
    assert (late.seconds, loop.timers) == ([], [])
    loop.run_soon()  # no connection remains
    assert [at for at, _ in loop.timers] == [102.25 + TICK_SECONDS]
    clock([0.0] * 9)
    loop.advance(TICK_SECONDS)
    assert [each.seconds for each in connections] == [[0.25, 2.25]] * 3


def test_a_connection_removed_during_a_tick_is_not_called(loop: Loop) -> None:
    timer = DeadlineTimer()
    connections = [Ticked(lambda: ends(0)), Ticked(lambda: ends(1))]

    def ends(number: int) -> None:
        timer.discard(connections[1 - number])

    for each in connections:
        add(timer, each, loop)
    loop.advance(TICK_SECONDS)
    assert sorted(each.seconds for each in connections) == [[], [TICK_SECONDS]]
    loop.advance(TICK_SECONDS)
    assert sorted(each.seconds for each in connections) == [[], [TICK_SECONDS] * 2]


class Failing(Ticked):
    """A connection whose deadlines cannot be checked, and which cannot be closed either."""

    def __init__(self, timer: DeadlineTimer) -> None:
        super().__init__()
        self.disconnected = 0
        self.timer = timer

    def on_tick(self, seconds: float) -> None:
        super().on_tick(seconds)
        raise MemoryError

    def disconnect(self) -> None:
        self.disconnected += 1
        if self.disconnected > 1:
            self.timer.discard(self)
        raise OSError


def test_an_exception_in_one_connection_leaves_the_deadlines_of_the_others(
    loop: Loop, clock: Callable[[list[float]], None], caplog: pytest.LogCaptureFixture
) -> None:
    clock([0.0] * 99)  # one slice, although logging takes long
    timer = DeadlineTimer()
    good, bad = [Ticked() for _ in range(3)], Failing(timer)
    for each in (good[0], bad, *good[1:]):
        add(timer, each, loop)
    before = failures("deadlines")
    for _ in range(3):
        loop.advance(TICK_SECONDS)
    assert [each.seconds for each in good] == [[TICK_SECONDS] * 3] * 3
    assert bad.disconnected == 2
    assert failures("deadlines") == before + 2
    assert caplog.messages == ["background_task_failed"] * 2
    late = Ticked()
    add(timer, late, loop)
    loop.advance(TICK_SECONDS)
    assert late.seconds == [TICK_SECONDS]


def test_a_deadline_expires_just_after_the_timeout() -> None:
    deadline = Deadline(2)
    assert not deadline.expired(2 + TICK_SECONDS)  # the first tick may have been near
    assert deadline.expired(0.001)
    deadline.reset()
    assert not deadline.expired(1)
    assert not deadline.expired(1 + TICK_SECONDS)
    assert deadline.expired(0.001)


def test_transferred_bytes_extend_the_deadline() -> None:
    deadline = Deadline(1)
    size = 3 * BYTES_PER_SECOND
    assert not deadline.expired(TICK_SECONDS + 4, size)
    assert deadline.expired(0.001, size)
    assert not deadline.expired(0.001, 2 * size)
    assert BYTES_PER_SECOND == 64 * 1024  # as the descriptions of the settings say

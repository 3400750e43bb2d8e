"""One clock for all connections, and how much deadline there is with each."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from service.protocol import timeouts as deadlines
from service.protocol.timeouts import (
    BYTES_PER_SECOND,
    SLICE_SECONDS,
    TICK_SECONDS,
    Deadline,
    DeadlineTimer,
)


class Loop:
    """The part of an event loop that a sweep needs; its time is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self.soon: list[Callable[[], object]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Callable[..., object], *given: object) -> None:
        self.timers.append((self.now + seconds, lambda: callback(*given)))

    def call_soon(self, callback: Callable[..., object], *given: object) -> None:
        self.soon.append(lambda: callback(*given))

    def pass_by(self, seconds: float) -> None:
        """So much later, the timers that are due are called."""
        self.now += seconds
        due = [call for at, call in self.timers if at <= self.now]
        self.timers = [(at, call) for at, call in self.timers if at > self.now]
        for call in due:
            call()

    def go_on(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()


class Told:
    """A connection that keeps what it is told."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.seconds: list[float] = []
        self.then = then

    def on_tick(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.then()


@pytest.fixture
def loop() -> Loop:
    return Loop()


def add(sweep: DeadlineTimer, told: Told, loop: Loop) -> None:
    sweep.add(told, cast(AbstractEventLoop, loop))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """Says what the processor's clock shows, look after look."""

    def show(times: list[float]) -> None:
        shown: Iterator[float] = iter(times)
        monkeypatch.setattr(deadlines, "perf_counter", lambda: next(shown))

    return show


def test_every_connection_is_told_at_every_tick_what_time_has_passed(loop: Loop) -> None:
    sweep, first, second = DeadlineTimer(), Told(), Told()
    add(sweep, first, loop)
    loop.now += 0.125
    add(sweep, second, loop)
    assert [at for at, _ in loop.timers] == [100 + TICK_SECONDS]  # one for all
    loop.pass_by(0.125)
    loop.pass_by(0.5)
    assert [at for at, _ in loop.timers] == [100.75 + TICK_SECONDS]
    assert first.seconds == second.seconds == [0.25, 0.5]


def test_nothing_is_told_nor_waited_for_once_there_is_no_connection(loop: Loop) -> None:
    sweep, told, other = DeadlineTimer(), Told(), Told()
    add(sweep, told, loop)
    sweep.discard(told)
    sweep.discard(told)
    loop.pass_by(TICK_SECONDS)
    assert (told.seconds, loop.timers) == ([], [])
    loop.pass_by(50)
    add(sweep, other, loop)  # the time before it came is not its own
    loop.pass_by(TICK_SECONDS)
    assert other.seconds == [TICK_SECONDS]
    assert len(loop.timers) == 1


@pytest.mark.parametrize(("passed", "told"), [(1.0, 1.0), (1.25, 1.0), (9.0, 1.0), (0.75, 0.75)])
def test_time_in_which_the_process_stood_still_is_nobodys(
    loop: Loop, passed: float, told: float
) -> None:
    sweep, connection = DeadlineTimer(), Told()
    add(sweep, connection, loop)
    loop.pass_by(passed)
    loop.pass_by(TICK_SECONDS)
    assert connection.seconds == [told, TICK_SECONDS]


def test_a_long_sweep_lets_others_in_between(
    loop: Loop, clock: Callable[[list[float]], None]
) -> None:
    sweep, connections = DeadlineTimer(), [Told() for _ in range(3)]
    for each in connections:
        add(sweep, each, loop)
    clock([0, SLICE_SECONDS, 1, 1, 2, 3, 3])
    loop.pass_by(TICK_SECONDS)
    # The first ends with its slice, which is not too late; the second is.
    assert sorted(each.seconds for each in connections) == [[], [0.25], [0.25]]
    assert loop.timers == []
    loop.now += 2  # in which others had their turn, and the sweep's connections too
    left = next(each for each in connections if not each.seconds)
    late = Told()
    add(sweep, late, loop)
    loop.go_on()
    assert left.seconds == [0.25]
    assert (late.seconds, loop.timers) == ([], [])
    loop.go_on()  # nobody is left
    assert [at for at, _ in loop.timers] == [102.25 + TICK_SECONDS]
    clock([0.0] * 9)
    loop.pass_by(TICK_SECONDS)
    assert [each.seconds for each in connections] == [[0.25, 2.25]] * 3


def test_a_connection_that_ends_another_within_a_sweep(loop: Loop) -> None:
    sweep = DeadlineTimer()
    connections = [Told(lambda: ends(0)), Told(lambda: ends(1))]

    def ends(number: int) -> None:
        sweep.discard(connections[1 - number])

    for each in connections:
        add(sweep, each, loop)
    loop.pass_by(TICK_SECONDS)
    assert sorted(each.seconds for each in connections) == [[], [TICK_SECONDS]]
    loop.pass_by(TICK_SECONDS)
    assert sorted(each.seconds for each in connections) == [[], [TICK_SECONDS] * 2]


def test_patience_is_lost_just_after_the_timeout() -> None:
    deadline = Deadline(2)
    assert not deadline.expired(2 + TICK_SECONDS)  # the first tick may have been near
    assert deadline.expired(0.001)
    deadline.reset()
    assert not deadline.expired(1)
    assert not deadline.expired(1 + TICK_SECONDS)
    assert deadline.expired(0.001)


def test_what_keeps_up_may_take_longer() -> None:
    deadline = Deadline(1)
    size = 3 * BYTES_PER_SECOND
    assert not deadline.expired(TICK_SECONDS + 4, size)
    assert deadline.expired(0.001, size)
    assert not deadline.expired(0.001, 2 * size)
    assert BYTES_PER_SECOND == 64 * 1024  # as the settings tell

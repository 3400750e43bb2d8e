"""service/admission.py: turns, what may wait, and what is an overload."""

import asyncio
import logging

import pytest

from service import admission
from service.admission import BURST_SECONDS, FEWEST_REQUESTS, TURN_REQUESTS, Admission

pytestmark = pytest.mark.anyio

SECONDS = 0.0007  # that each request takes


class Clock:
    """The time, as it is told to the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(admission, "monotonic", lambda: self.now)


class Request:
    """Takes its time once it is begun."""

    def __init__(self, number: int, clock: Clock, begun: list[int]) -> None:
        self.number, self.clock, self._all = number, clock, begun

    def begin(self) -> None:
        self._all.append(self.number)
        self.clock.now += SECONDS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def come(some: Admission, requests: list[Request]) -> int:
    """How many of these that come at once are let in."""
    loop = asyncio.get_running_loop()
    for number, request in enumerate(requests):
        if some.may_begin(loop):
            request.begin()
        elif some.is_overloaded():
            return number
        else:
            some.wait(request)
    return len(requests)


async def drain(some: Admission) -> None:
    while some.waiting:
        await asyncio.sleep(0)


def requests(count: int, clock: Clock, begun: list[int]) -> list[Request]:
    return [Request(number, clock, begun) for number in range(count)]


async def test_so_many_in_a_turn_and_the_rest_in_order(clock: Clock) -> None:
    some, begun = Admission(), list[int]()
    assert come(some, requests(100, clock, begun)) == 100
    assert begun == list(range(TURN_REQUESTS))
    most, before = 0, len(begun)
    while some.waiting:
        await asyncio.sleep(0)
        most, before = max(most, len(begun) - before), len(begun)
    assert begun == list(range(100))
    assert 1 <= most <= TURN_REQUESTS
    await asyncio.sleep(0)
    assert some.may_begin(asyncio.get_running_loop())  # at once, as at first


async def test_what_takes_long_gets_fewer_a_turn(clock: Clock) -> None:
    some, begun = Admission(), list[int]()
    come(some, requests(1000, clock, begun))
    while len(begun) < 500:
        await asyncio.sleep(0)
    before = len(begun)
    await asyncio.sleep(0)
    assert FEWEST_REQUESTS <= len(begun) - before < TURN_REQUESTS / 2


async def learnt(clock: Clock) -> Admission:
    """One that knows how long a request takes."""
    some = Admission()
    come(some, requests(1000, clock, []))
    await drain(some)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return some


async def test_a_burst_may_wait_for_longer_than_an_overload(clock: Clock) -> None:
    some, begun = await learnt(clock), list[int]()
    let_in = come(some, requests(500, clock, begun))
    assert BURST_SECONDS / SECONDS / 2 < let_in < 2 * BURST_SECONDS / SECONDS
    clock.now += 2 * BURST_SECONDS  # there always were some
    assert some.is_overloaded()
    while some.is_overloaded():
        await asyncio.sleep(0)
    assert 0 < len(some.waiting) <= TURN_REQUESTS
    await drain(some)
    assert len(begun) == let_in  # whoever was let in is answered
    await asyncio.sleep(0)
    assert come(some, requests(500, clock, [])) > let_in / 2  # it is over


async def test_the_log_is_told_once(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    some = Admission()
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            some.refused()
        assert len(caplog.records) == 1
        clock.now += 10
        some.refused()
    assert len(caplog.records) == 2

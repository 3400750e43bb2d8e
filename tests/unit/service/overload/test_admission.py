"""service/overload/admission.py: turns, what may wait, and what is an overload."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from service.overload import admission
from service.overload.admission import (
    BATCH_REJECTIONS,
    BATCH_SIZE,
    BURST_SECONDS,
    MIN_BATCH_SIZE,
    WAIT_SECONDS,
    Admission,
)

pytestmark = pytest.mark.anyio

SECONDS = 0.0013  # that each request takes
AT_ONCE = int(WAIT_SECONDS / SECONDS)  # are no overload
MOST_TURNS = 1000  # that anything takes


class Clock:
    """The time, as it is told to the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(admission, "monotonic", lambda: self.now)


def turns() -> Iterator[None]:
    """To go on until it is so, but not for ever."""
    yield from [None] * MOST_TURNS
    pytest.fail(f"not done in {MOST_TURNS} turns")


class Clients:
    """Ask, and note who was answered, and who was refused."""

    def __init__(self, clock: Clock) -> None:
        self.admission, self.clock = Admission(), clock
        self.answered: list[int] = []
        self.refused: list[int] = []
        self.asked = 0

    def ask(self, count: int) -> None:
        """So many at once."""
        for _ in range(count):
            request = Request(self.asked, self)
            self.asked += 1
            if self.admission.try_admit(asyncio.get_running_loop()):
                request.begin()
            else:
                self.admission.enqueue(request)

    def is_overloaded(self) -> bool:
        return self.admission.overloaded

    async def all_done(self) -> None:
        for _ in turns():
            if not self.admission.waiting:
                break
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # and the turn that finds it so
        await asyncio.sleep(0)


class Request:
    """Takes its time once it is begun."""

    def __init__(self, number: int, clients: Clients) -> None:
        self.number, self.clients = number, clients

    def begin(self) -> None:
        self.clients.answered.append(self.number)
        self.clients.clock.now += SECONDS

    def reject(self) -> None:
        self.clients.refused.append(self.number)


@pytest.fixture
async def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Whose admission has learnt how long a request takes."""
    clients = Clients(Clock(monkeypatch))
    for _ in range(50):
        clients.ask(AT_ONCE - 3)
        await clients.all_done()
    assert clients.refused == []
    clients.answered.clear()
    clients.asked = 0
    return clients


async def test_so_many_in_a_turn_and_the_rest_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = Clients(Clock(monkeypatch))
    clients.ask(50)
    assert clients.answered == list(range(BATCH_SIZE))
    most, before = 0, len(clients.answered)
    for _ in turns():
        if not clients.admission.waiting:
            break
        await asyncio.sleep(0)
        most, before = max(most, len(clients.answered) - before), len(clients.answered)
    assert clients.answered == list(range(50))
    assert clients.refused == []
    assert 1 <= most <= BATCH_SIZE
    await clients.all_done()
    assert clients.admission.try_admit(asyncio.get_running_loop())  # at once, as at first


async def test_what_takes_long_gets_fewer_a_turn(clients: Clients) -> None:
    clients.ask(AT_ONCE - 5)
    begun = len(clients.answered)
    assert begun < BATCH_SIZE / 2
    await asyncio.sleep(0)
    assert MIN_BATCH_SIZE <= len(clients.answered) - begun < BATCH_SIZE / 2


async def test_all_are_answered_in_order_while_none_waits_too_long(clients: Clients) -> None:
    clients.ask(AT_ONCE - 5)
    await clients.all_done()
    assert clients.answered == list(range(AT_ONCE - 5))
    assert not clients.is_overloaded()


async def test_a_burst_that_is_soon_over_is_no_overload(clients: Clients) -> None:
    burst = 2 * AT_ONCE
    clients.ask(burst)
    await clients.all_done()
    assert clients.answered == list(range(burst))


async def test_what_does_not_end_is_an_overload(clients: Clients) -> None:
    clients.ask(2 * AT_ONCE)
    begin = clients.clock.now
    for _ in turns():
        if clients.is_overloaded():
            break
        answered = len(clients.answered)
        await asyncio.sleep(0)
        clients.ask(len(clients.answered) - answered)  # as many as are answered
        assert clients.clock.now < begin + 2 * BURST_SECONDS
    assert clients.clock.now > begin + BURST_SECONDS


async def test_in_an_overload_the_newest_goes_first_and_the_oldest_is_refused(
    clients: Clients,
) -> None:
    clients.ask(10 * AT_ONCE)
    begun = len(clients.answered)  # before it was known
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert clients.is_overloaded()
    await clients.all_done()
    assert clients.answered[begun] == 10 * AT_ONCE - 1
    assert clients.answered[begun:] == sorted(clients.answered[begun:], reverse=True)
    assert clients.refused == sorted(clients.refused)
    assert len(clients.answered) + len(clients.refused) == 10 * AT_ONCE
    assert AT_ONCE / 2 < len(clients.answered) < 3 * AT_ONCE
    assert not clients.is_overloaded()
    clients.ask(AT_ONCE - 5)
    await clients.all_done()
    assert clients.answered[-1] == clients.asked - 1  # it is over, and all is as ever


async def test_not_all_are_refused_in_one_turn(clients: Clients) -> None:
    clients.ask(5 * BATCH_REJECTIONS)
    clients.clock.now += 10 * WAIT_SECONDS
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(clients.refused) <= 2 * BATCH_REJECTIONS


async def test_the_log_is_told_once(caplog: pytest.LogCaptureFixture, clients: Clients) -> None:
    with caplog.at_level(logging.WARNING):
        clients.ask(10 * AT_ONCE)
        await clients.all_done()
        clients.ask(10 * AT_ONCE)
        await clients.all_done()
        assert len(clients.refused) > 2
        assert len(caplog.records) == 1
        clients.clock.now += 10
        clients.ask(10 * AT_ONCE)
        await clients.all_done()
    assert len(caplog.records) == 2

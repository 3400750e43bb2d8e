"""service/overload/admission.py: batches per iteration, the queue, and overload."""

import asyncio
import logging
from collections.abc import Iterator
from functools import partial

import pytest

from service.overload import admission
from service.overload.admission import (
    BATCH_REJECTIONS,
    BATCH_SECONDS,
    BATCH_SIZE,
    BURST_SECONDS,
    OTHERS_SHARE,
    PROBES,
    WAIT_SECONDS,
    Admission,
    Lane,
)

pytestmark = pytest.mark.anyio

SECONDS = 0.0013
AT_ONCE = int(WAIT_SECONDS / SECONDS)  # requests that are no overload
MAX_ITERATIONS = 1000


class Clock:
    """The clock of the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.seconds = SECONDS  # per request
        monkeypatch.setattr(admission, "monotonic", lambda: self.now)


def iterations() -> Iterator[None]:
    """Bound a loop over iterations of the event loop."""
    yield from [None] * MAX_ITERATIONS
    pytest.fail(f"not done in {MAX_ITERATIONS} iterations")


class Clients:
    """Clients that record the answered and the rejected requests, by number."""

    def __init__(self, clock: Clock) -> None:
        self.admission, self.clock = Admission(), clock
        self.lane = self.admission.predictions
        self.answered: list[int] = []
        self.rejected: list[int] = []
        self.sent = 0

    def send(self, count: int) -> None:
        """Send `count` requests in one iteration."""
        for _ in range(count):
            decide = partial(self.decide, self.sent)
            self.sent += 1
            if self.admission.try_admit(self.lane, asyncio.get_running_loop()):
                decide(True)
            else:
                self.lane.enqueue(decide)

    def decide(self, number: int, admitted: bool) -> None:
        """Answer a request, which takes `SECONDS`, or reject it."""
        if admitted:
            self.answered.append(number)
            self.clock.now += self.clock.seconds
        else:
            self.rejected.append(number)

    def is_overloaded(self) -> bool:
        return self.lane.overloaded

    async def all_done(self) -> None:
        for _ in iterations():
            if not self.admission.waiting:
                break
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # the iteration that finds the queue empty
        await asyncio.sleep(0)


@pytest.fixture
async def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Clients of an admission that has measured the time per request."""
    clients = Clients(Clock(monkeypatch))
    for _ in range(50):
        clients.send(AT_ONCE - 3)
        await clients.all_done()
    assert clients.rejected == []
    clients.answered.clear()
    clients.sent = 0
    return clients


async def test_a_batch_starts_per_iteration_and_the_rest_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clients = Clients(Clock(monkeypatch))
    clients.send(50)
    assert clients.answered == list(range(BATCH_SIZE))
    most, before = 0, len(clients.answered)
    for _ in iterations():
        if not clients.admission.waiting:
            break
        await asyncio.sleep(0)
        most, before = max(most, len(clients.answered) - before), len(clients.answered)
    assert clients.answered == list(range(50))
    assert clients.rejected == []
    assert 1 <= most <= BATCH_SIZE
    await clients.all_done()
    assert clients.admission.try_admit(
        clients.lane, asyncio.get_running_loop()
    )  # at once, as at the start


async def test_slow_requests_have_smaller_batches(clients: Clients) -> None:
    clients.send(AT_ONCE - 5)
    begun = len(clients.answered)
    assert begun < BATCH_SIZE / 2
    await asyncio.sleep(0)
    assert len(clients.answered) - begun == int(BATCH_SECONDS / SECONDS)


async def test_a_request_longer_than_an_iteration_starts_alone(clients: Clients) -> None:
    clients.clock.seconds = 3 * BATCH_SECONDS
    for _ in range(50):
        clients.send(BATCH_SIZE + 1)
        await clients.all_done()
    clients.answered.clear()
    clients.send(2)
    assert len(clients.answered) == 1


async def test_requests_start_in_order_without_overload(clients: Clients) -> None:
    clients.send(AT_ONCE - 5)
    await clients.all_done()
    assert clients.answered == list(range(AT_ONCE - 5))
    assert not clients.is_overloaded()


async def test_a_short_burst_is_no_overload(clients: Clients) -> None:
    burst = 2 * AT_ONCE
    clients.send(burst)
    await clients.all_done()
    assert clients.answered == list(range(burst))


async def test_a_queue_that_stays_long_is_an_overload(clients: Clients) -> None:
    clients.send(2 * AT_ONCE)
    begin = clients.clock.now
    for _ in iterations():
        if clients.is_overloaded():
            break
        answered = len(clients.answered)
        await asyncio.sleep(0)
        clients.send(len(clients.answered) - answered)  # as many as are answered
        assert clients.clock.now < begin + 2 * BURST_SECONDS
    assert clients.clock.now > begin + BURST_SECONDS


async def test_under_overload_requests_that_have_waited_too_long_are_rejected(
    clients: Clients,
) -> None:
    clients.send(10 * AT_ONCE)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert clients.is_overloaded()
    await clients.all_done()
    assert clients.answered == sorted(clients.answered)
    assert clients.rejected == sorted(clients.rejected)
    assert len(clients.answered) + len(clients.rejected) == 10 * AT_ONCE
    assert AT_ONCE / 2 < len(clients.answered) < 3 * AT_ONCE
    assert not clients.is_overloaded()
    clients.send(AT_ONCE - 5)
    await clients.all_done()
    assert clients.answered[-1] == clients.sent - 1  # the overload is over


async def test_rejections_per_iteration_are_bounded(clients: Clients) -> None:
    clients.send(5 * BATCH_REJECTIONS)
    clients.clock.now += 10 * WAIT_SECONDS
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(clients.rejected) <= 2 * BATCH_REJECTIONS


async def test_an_overload_is_logged_once(
    caplog: pytest.LogCaptureFixture, clients: Clients
) -> None:
    with caplog.at_level(logging.WARNING):
        clients.send(10 * AT_ONCE)
        await clients.all_done()
        clients.send(10 * AT_ONCE)
        await clients.all_done()
        assert len(clients.rejected) > 2
        assert len(caplog.records) == 1
        clients.clock.now += 10
        clients.send(10 * AT_ONCE)
        await clients.all_done()
    assert [record.message for record in caplog.records] == ["overload_rejecting"] * 2
    assert all(0 < vars(record)["rejected"] <= BATCH_REJECTIONS for record in caplog.records)


def started_in_an_iteration(admission: Admission, *lanes: tuple[Lane, int]) -> list[int]:
    """Queue requests in lanes, and return how many of each start in the next iteration."""
    counts = [0] * len(lanes)

    def count(number: int, admitted: bool) -> None:
        counts[number] += admitted

    for number, (lane, requests) in enumerate(lanes):
        for _ in range(requests):
            lane.enqueue(partial(count, number))
    admission._run_iteration(asyncio.get_running_loop())
    return counts


async def test_other_requests_have_a_share_beside_predictions() -> None:
    admission = Admission()
    lanes = (admission.predictions, 50), (admission.others, 50), (admission.probes, 50)
    assert started_in_an_iteration(admission, *lanes) == [
        BATCH_SIZE,
        BATCH_SIZE // OTHERS_SHARE,
        PROBES,
    ]


async def test_other_requests_alone_have_the_whole_iteration() -> None:
    admission = Admission()
    assert started_in_an_iteration(admission, (admission.others, 50)) == [BATCH_SIZE]


async def test_a_flood_of_other_requests_does_not_delay_predictions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    clients, flood = Clients(clock), Clients(clock)
    flood.admission, flood.lane = clients.admission, clients.admission.others
    for _ in range(100):
        flood.send(100)
        clients.send(1)
        sent_at = clock.now
        for _ in iterations():
            if not clients.lane.queue:
                break
            await asyncio.sleep(0)
        assert clock.now - sent_at < 2 * BATCH_SECONDS + BATCH_SIZE * SECONDS
    assert clients.rejected == []
    assert flood.answered
    assert flood.rejected


async def test_probes_are_never_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = Clients(Clock(monkeypatch))
    clients.lane = clients.admission.probes
    clients.send(1000)
    await clients.all_done()
    assert clients.answered == list(range(1000))
    assert clients.rejected == []


def test_an_overload_ends_when_the_queue_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lane = Clock(monkeypatch), Lane()
    lane.batch_size = 4

    def overloaded_with(queued: int) -> bool:
        while len(lane.queue) < queued:
            lane.enqueue(lambda _: None)
        while len(lane.queue) > queued:
            lane.queue.pop()
        lane.run(clock.now, iteration_seconds=BURST_SECONDS / 10)
        return lane.overloaded

    assert [overloaded_with(queued) for queued in (30, 50, 30, 10, 30)] == [
        *(False, True),  # 40 requests wait for BURST_SECONDS
        *(True, False, False),  # it ends with 20
    ]
    assert lane.queue


@pytest.mark.parametrize("path", ["/health", "/ping", "/v2/models/a/ready"])
def test_the_lanes_of_requests(path: str) -> None:
    admission = Admission()
    assert admission.lane_of("GET", path) is admission.lane_of("HEAD", path) is admission.probes
    assert admission.lane_of("PUT", path) is admission.others
    assert admission.lane_of("GET", f"{path}/") is admission.others
    assert admission.lane_of("POST", path) is admission.predictions


async def test_an_exception_delays_the_other_requests_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(admission, "FAILURE_SECONDS", 0)
    lane, decided = (queue := Admission()).predictions, list[bool]()

    def fail(_: bool) -> None:
        raise MemoryError

    assert queue.try_admit(lane, asyncio.get_running_loop())
    for decide in (fail, decided.append):
        lane.enqueue(decide)
    for _ in iterations():
        if decided:
            break
        await asyncio.sleep(0)
    assert decided == [True]
    assert caplog.messages == ["background_task_failed"]

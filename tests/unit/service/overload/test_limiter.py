"""service/overload/limiter.py: rejections beyond the limits, and release of every resource."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI
from support.eventually import loop_until

from model.arrays import Array
from model.prediction.predictor import Predictor
from service.app import create_app
from service.inference.execution import INLINE_BYTES
from service.overload.limiter import WorkLimiter
from service.problems import Problem
from service.request_context import RequestContext, request_context
from service.settings import Settings

pytestmark = pytest.mark.anyio

SECONDS = 20
LARGE = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]] * (INLINE_BYTES // 10)}


def limiter(threads: int = 1, queue: int = 1, wait_seconds: float = SECONDS) -> WorkLimiter:
    return WorkLimiter(threads, queue, wait_seconds)


async def test_threads_are_bounded_and_the_rest_waits() -> None:
    running = most = 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.001)
        with lock:
            running -= 1
        return number

    limited = limiter(threads=2, queue=20)
    done = await asyncio.gather(*(limited.run(work, number) for number in range(20)))
    assert done == list(range(20))
    assert 1 <= most <= 2
    assert limited.waiting == 0


async def test_a_full_queue_rejects_at_once() -> None:
    go = threading.Event()
    limited = limiter(queue=1)
    first, second = (asyncio.create_task(limited.run(go.wait)) for _ in range(2))
    await loop_until(lambda: limited.waiting == 1)
    with pytest.raises(Problem, match="503") as refused:
        await limited.run(go.wait)
    assert refused.value.headers == {"Retry-After": "1"}
    go.set()
    assert all(await asyncio.gather(first, second))
    assert await limited.run(go.wait)


async def test_a_request_waits_at_most_wait_seconds() -> None:
    go = threading.Event()
    limited = limiter(queue=1, wait_seconds=0.01)
    first = asyncio.create_task(limited.run(go.wait))
    await asyncio.sleep(0)
    with pytest.raises(Problem, match=r"No thread was free within 0.01 s"):
        await limited.run(go.wait)
    go.set()
    assert await first
    assert limited.waiting == 0
    assert await limited.run(go.wait)


async def test_work_receives_its_arguments() -> None:
    def work(*args: object, **named: object) -> object:
        return args, named

    limited = limiter()
    assert await limited.run(work, 1, 2, a=3) == ((1, 2), {"a": 3})
    with limited.in_parts() as parts:
        for _ in range(2):
            assert await parts.run(work, 1, 2, a=3) == ((1, 2), {"a": 3})


async def test_failure_and_cancellation_free_the_thread() -> None:
    limited = limiter()
    with pytest.raises(ZeroDivisionError):
        await limited.run(lambda: 1 / 0)
    go = threading.Event()
    first, waiting = (asyncio.create_task(limited.run(go.wait)) for _ in range(2))
    await loop_until(lambda: limited.waiting == 1)
    waiting.cancel()
    go.set()
    await asyncio.wait([first, waiting])
    assert waiting.cancelled()
    assert await limited.run(go.wait)


async def test_a_thread_passed_to_a_cancelled_request_is_free_again() -> None:
    go = threading.Event()
    limited = limiter()
    first, waiting = (asyncio.create_task(limited.run(go.wait)) for _ in range(2))
    await loop_until(lambda: limited.waiting == 1)
    first.add_done_callback(lambda _: waiting.cancel())  # as soon as the thread is passed on
    go.set()
    await asyncio.wait([first, waiting])
    assert waiting.cancelled()
    async with asyncio.timeout(SECONDS):
        assert await limited.run(go.wait)


@contextmanager
def sent_by(client: str) -> Iterator[None]:
    """Make requests within the context those of a client."""
    token = request_context.set(RequestContext("a", client=client))
    yield
    request_context.reset(token)


async def test_what_has_begun_is_finished_before_more_begins() -> None:
    go, end = threading.Event(), threading.Event()
    limited = limiter(threads=2, queue=10)
    tables = [limited.in_parts() for _ in range(3)]
    for table in tables:
        await table.run(lambda: None)
    tasks = [asyncio.create_task(limited.run(event.wait)) for event in (go, end)]
    order: list[str] = []

    def done(name: str) -> bool:
        order.append(name)
        return True

    await asyncio.sleep(0)
    for number, table in enumerate(tables):
        tasks.append(asyncio.create_task(limited.run(done, f"new {number}")))
        tasks.append(asyncio.create_task(table.run(done, f"next {number}")))
    await loop_until(lambda: limited.waiting == 3)
    go.set()
    await loop_until(lambda: len(order) == 6)
    end.set()
    await asyncio.gather(*tasks)
    assert order == ["next 0", "next 1", "next 2", "new 0", "new 1", "new 2"]


async def test_a_further_part_waits_although_the_queue_is_full() -> None:
    go = threading.Event()
    limited = limiter(queue=0)
    with limited.in_parts() as parts:
        await parts.run(lambda: None)
        first = asyncio.create_task(limited.run(go.wait))
        await asyncio.sleep(0)
        further = asyncio.create_task(parts.run(go.wait))
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="503"):
            await limited.run(go.wait)
        go.set()
        assert all(await asyncio.gather(first, further))


async def test_a_client_of_few_requests_takes_a_place_of_the_one_of_most() -> None:
    go = threading.Event()
    limited = limiter(queue=3)
    done: list[str] = []

    async def ask(client: str) -> None:
        with sent_by(client):
            await limited.run(go.wait)
        done.append(client)

    greedy = [asyncio.create_task(ask("greedy")) for _ in range(4)]
    await loop_until(lambda: limited.waiting == 3)
    other = asyncio.create_task(ask("other"))
    await loop_until(lambda: greedy[3].done())
    with pytest.raises(Problem, match="503: The queue of requests with large bodies is full"):
        await greedy[3]
    assert limited.waiting == 3
    with pytest.raises(Problem, match="503"):  # two places each would be two more than there are
        await ask("greedy")
    with pytest.raises(Problem, match="503"):
        await ask("other")
    go.set()
    await asyncio.gather(*greedy[:3], other)
    assert done == ["greedy", "greedy", "other", "greedy"]


async def test_a_client_does_not_wait_for_the_queue_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    limited = limiter(queue=100, wait_seconds=10)
    for _ in range(100):
        await limited.run(clock.advance, 4)
    go = threading.Event()
    with sent_by("greedy"):
        tasks = [asyncio.create_task(limited.run(go.wait)) for _ in range(4)]
        await loop_until(lambda: limited.waiting == 3)
        with pytest.raises(Problem, match="503"):  # 12 seconds
            await limited.run(go.wait)
    with sent_by("other"):
        tasks.append(asyncio.create_task(limited.run(go.wait)))
        await loop_until(lambda: limited.waiting == 4)
    go.set()
    assert all(await asyncio.gather(*tasks))


async def test_endless_streams_do_not_count_as_time_of_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    limited = limiter(queue=100, wait_seconds=2)
    await limited.run(clock.advance, 0.01)
    with limited.in_parts() as stream:
        for _ in range(1000):
            await stream.run(clock.advance, 0.1)
    go = threading.Event()
    tasks = [asyncio.create_task(limited.run(go.wait)) for _ in range(8)]
    await loop_until(lambda: limited.waiting == 7)
    go.set()
    assert all(await asyncio.gather(*tasks))


async def test_no_thread_of_the_operating_system_is_a_rejection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    limited = limiter()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(Problem, match="503: The service cannot start another thread now"):
            await limited.run(lambda: 1)
    assert await limited.run(lambda: 1) == 1


async def test_the_time_of_a_request_includes_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limited = limiter(queue=100, wait_seconds=0.3)
    for _ in range(100):
        with limited.in_parts() as parts:
            for _ in range(8):
                await parts.run(clock.advance, 0.03)
    go = threading.Event()
    tasks = [asyncio.create_task(limited.run(go.wait)) for _ in range(3)]
    await loop_until(lambda: limited.waiting == 2)
    with pytest.raises(Problem, match="503"):  # 0.48 seconds
        await limited.run(go.wait)
    go.set()
    assert all(await asyncio.gather(*tasks))


class Clock:
    """The clocks of the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for name in ("monotonic", "thread_time"):
            monkeypatch.setattr(f"service.overload.limiter.{name}", lambda: self.now)

    def advance(self, seconds: float) -> None:
        self.now += seconds


async def test_a_request_that_would_wait_too_long_is_rejected_on_arrival(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    limited = limiter(threads=2, queue=100, wait_seconds=10)
    for _ in range(100):  # measure the time per request
        await limited.run(clock.advance, 4)
    go = threading.Event()
    tasks = [asyncio.create_task(limited.run(go.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    for waiting in range(6):  # each waits 2 s longer, since there are two threads
        assert limited.waiting == waiting
        tasks.append(asyncio.create_task(limited.run(go.wait)))
        await asyncio.sleep(0)
    with pytest.raises(Problem, match="503"):
        await limited.run(go.wait)
    go.set()
    assert all(await asyncio.gather(*tasks))


async def test_in_a_lasting_overload_fewer_requests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limited = limiter(threads=1, queue=100, wait_seconds=10)
    for _ in range(100):
        await limited.run(clock.advance, 1)
    go = threading.Event()
    tasks = [asyncio.create_task(limited.run(go.wait)) for _ in range(3)]
    await loop_until(lambda: limited.waiting == 2)
    clock.now += 11  # the queue was never empty
    with pytest.raises(Problem, match="503"):  # 2 s are more than one request takes
        await limited.run(go.wait)
    go.set()
    assert all(await asyncio.gather(*tasks))
    tasks = [asyncio.create_task(limited.run(go.wait)) for _ in range(5)]  # the overload is over
    assert all(await asyncio.gather(*tasks))


class Blocked:
    """A service whose scoring of large bodies waits for `go`."""

    def __init__(self, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, **options: int):
        self.go = threading.Event()
        self.entered = 0
        plain = Predictor.predict

        def waiting(predictor: Predictor, rows: Array) -> Array:
            if len(rows) > 100:
                self.entered += 1
                assert self.go.wait(SECONDS)
            return plain(predictor, rows)

        monkeypatch.setattr(Predictor, "predict", waiting)
        settings = Settings.model_validate(
            {"scoring_threads": 1, "scoring_queue_size": 0, **options}
        )
        self.app: FastAPI = create_app(settings, predictor)

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://test", timeout=SECONDS)


@pytest.mark.parametrize("path", ["/predict", "/invocations", "/models/article/predict"])
async def test_an_overloaded_service_responds_503_and_stays_healthy(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    blocked = Blocked(predictor, monkeypatch)
    async with blocked.client() as client:
        first = asyncio.create_task(client.post(path, json=LARGE))
        await loop_until(lambda: blocked.entered == 1)
        refused = await client.post(path, json=LARGE)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        one = {"instances": LARGE["instances"][:1]}
        assert (await client.post("/predict", json=one)).status_code == 200
        blocked.go.set()
        assert (await first).status_code == 200
        assert (await client.post(path, json=LARGE)).status_code == 200


async def test_a_table_waits_for_a_thread_too(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = Blocked(predictor, monkeypatch)
    async with blocked.client() as client:
        first = asyncio.create_task(client.post("/predict", json=LARGE))
        await loop_until(lambda: blocked.entered == 1)
        names = ",".join(predictor.schema.names)
        header, row = f"{names}\n", "5,1,1,1,2,1,3,1,1\n"
        table = header + row * 1000
        headers = {"Content-Type": "text/csv"}
        refused = await client.post("/predict", content=table, headers=headers)
        assert refused.status_code == 503
        small = await client.post("/predict", content=header + row, headers=headers)
        assert small.status_code == 200
        blocked.go.set()
        await first
        answered = await client.post("/predict", content=table, headers=headers)
        assert answered.status_code == 200


async def test_bodies_share_memory_that_every_request_releases(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = Blocked(predictor, monkeypatch, max_request_memory_bytes=8000, scoring_queue_size=10)
    blocked.go.set()

    async def chunks(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 500):
            yield body[start : start + 500]

    async with blocked.client() as client:
        for _ in range(5):  # released for either status
            for body, status in ((b" " * 2000, 400), (b" " * 5000, 413)):
                answer = await client.post("/predict", content=chunks(body))
                assert answer.status_code == status


async def test_the_default_request_context_is_unchanged() -> None:
    assert request_context.get() == RequestContext("-")

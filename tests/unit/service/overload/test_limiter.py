"""service/overload/limiter.py: rejections beyond the limits, and release of every resource."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

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
    started = asyncio.create_task(limited.run_next(go.wait))  # a started request may still wait
    go.set()
    assert all(await asyncio.gather(first, second, started))
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
    assert await limited.run_next(work, 1, 2, a=3) == ((1, 2), {"a": 3})


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


async def test_threads_go_to_the_longest_waiting_but_few_requests_start_at_a_time() -> None:
    go, end = threading.Event(), threading.Event()
    limited = limiter(threads=2, queue=10)
    order: list[str] = []
    tasks = [asyncio.create_task(limited.run(event.wait)) for event in (go, end)]

    def done(name: str) -> bool:
        order.append(name)
        return True

    def line_up(*names: str) -> None:
        for name in names:
            work = limited.run_next if name.startswith("next") else limited.run
            tasks.append(asyncio.create_task(work(done, name)))

    await asyncio.sleep(0)
    line_up("new 1", "next 1", "new 2", "next 2", "next 3", "new 3")
    await loop_until(lambda: limited.waiting == 3)
    go.set()
    await loop_until(lambda: len(order) == 6)
    end.set()
    await asyncio.gather(*tasks)
    assert order == ["next 1", "next 2", "new 1", "new 2", "next 3", "new 3"]


async def test_the_time_of_a_request_includes_all_of_its_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    limited = limiter(queue=100, wait_seconds=10)
    for _ in range(100):
        await limited.run(clock.advance, 1)
        for _ in range(7):
            await limited.run_next(clock.advance, 1)
    go = threading.Event()
    tasks = [asyncio.create_task(limited.run(go.wait)) for _ in range(3)]
    await loop_until(lambda: limited.waiting == 2)
    with pytest.raises(Problem, match="503"):  # 16 seconds
        await limited.run(go.wait)
    go.set()
    assert all(await asyncio.gather(*tasks))


class Clock:
    """The clock of the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("service.overload.limiter.monotonic", lambda: self.now)

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
        table = f"{names}\n5,1,1,1,2,1,3,1,1\n"
        headers = {"Content-Type": "text/csv"}
        refused = await client.post("/predict", content=table, headers=headers)
        assert refused.status_code == 503
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

"""service/routes/snapshot.py: one response for many requests; and the endpoints that use it."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.responses import Response
from support.eventually import loop_until

from model.prediction.predictor import Predictor
from service.app import create_app
from service.lifecycle import Lifecycle, Phase
from service.observability.metrics import Telemetry
from service.problems import Problem
from service.routes import snapshot
from service.routes.snapshot import FRESH_SECONDS, Snapshot
from service.settings import Settings

pytestmark = pytest.mark.anyio

SCRAPES = {"Accept": "text/plain;version=0.0.4"}, {"Accept": "application/openmetrics-text"}


class Maker:
    """Makes a response when `go` is set, and counts how often it was called."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = asyncio.Event()

    async def make(self) -> Response:
        self.calls += 1
        call = self.calls
        await self.go.wait()
        return Response(str(call))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time of the module's clock."""
    now = [1000.0]
    monkeypatch.setattr(snapshot, "monotonic", lambda: now[0])
    return now


async def test_a_response_is_made_once_while_it_is_fresh(clock: list[float]) -> None:
    maker = Maker()
    made = Snapshot(maker.make)
    together = [asyncio.create_task(made.get()) for _ in range(20)]
    await loop_until(lambda: maker.calls == 1)
    maker.go.set()
    assert {(await task).body for task in together} == {b"1"}
    for seconds, expected in ((FRESH_SECONDS * 0.99, b"1"), (FRESH_SECONDS * 0.02, b"2")):
        clock[0] += seconds
        assert [(await made.get()).body for _ in range(3)] == [expected] * 3


async def test_a_response_that_takes_long_is_not_made_twice_at_the_same_time(
    clock: list[float],
) -> None:
    maker = Maker()
    made = Snapshot(maker.make)
    first = asyncio.create_task(made.get())
    await loop_until(lambda: maker.calls == 1)
    clock[0] += 10 * FRESH_SECONDS
    second = asyncio.create_task(made.get())
    await asyncio.sleep(0)
    maker.go.set()
    assert {(await first).body, (await second).body} == {b"1"}
    assert (await made.get()).body == b"2"


async def test_a_client_that_leaves_does_not_take_the_response_from_others() -> None:
    maker = Maker()
    made = Snapshot(maker.make)
    leaving, staying = (asyncio.create_task(made.get()) for _ in range(2))
    await loop_until(lambda: maker.calls == 1)
    leaving.cancel()
    await asyncio.wait([leaving])
    maker.go.set()
    assert (await staying).body == b"1"
    assert maker.calls == 1


async def test_an_exception_is_kept_and_made_again(clock: list[float]) -> None:
    calls = 0

    async def make() -> Response:
        nonlocal calls
        calls += 1
        raise Problem(503)

    made = Snapshot(make)
    for expected in (1, 1, 2):
        clock[0] += FRESH_SECONDS * 0.4
        with pytest.raises(Problem):
            await made.get()
        clock[0] += FRESH_SECONDS * 0.2
        assert calls == expected


def test_a_snapshot_outlives_an_event_loop() -> None:
    async def leave(get: Callable[[], Awaitable[Response]]) -> None:
        asyncio.create_task(get())  # type: ignore[arg-type]  # noqa: RUF006
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def get(made: Snapshot) -> Response:
        maker.go.set()
        return await made.get()

    maker = Maker()
    made = Snapshot(maker.make)
    asyncio.run(leave(made.get))
    assert asyncio.run(get(made)).body == b"2"


@pytest.mark.parametrize("headers", SCRAPES)
async def test_many_scrapes_are_one_exposition(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    calls = 0
    plain = Telemetry.remove_other_titles

    def counted(telemetry: Telemetry, titles: set[str]) -> None:
        nonlocal calls
        calls += 1
        plain(telemetry, titles)

    monkeypatch.setattr(Telemetry, "remove_other_titles", counted)
    monkeypatch.setattr(snapshot, "FRESH_SECONDS", 60.0)
    requests = (client.get("/metrics", headers=headers) for _ in range(20))
    answers = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["vary"] for answer in answers} == {"Accept, User-Agent, Accept-Encoding"}
    assert calls == 1


async def test_the_readiness_check_replays_the_self_test_once(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def counted(_: Predictor) -> None:
        nonlocal calls
        calls += 1

    lifecycle = Lifecycle(0)
    app = create_app(Settings(), predictor, lifecycle=lifecycle)
    monkeypatch.setattr(Predictor, "replay_self_test", counted)
    monkeypatch.setattr(snapshot, "FRESH_SECONDS", 60.0)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        paths = ["/health", "/health/ready"] * 10
        answers = [await client.get(path) for path in paths]
        assert {answer.status_code for answer in answers} == {200}
        assert calls == 1
        lifecycle.advance_to(Phase.DRAINING)  # at once, although the snapshot is fresh
        for path in (*paths, "/v2/health/ready", "/ping"):
            assert (await client.get(path)).status_code == 503
        assert (await client.get("/health/live")).status_code == 200

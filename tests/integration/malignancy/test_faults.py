"""The client repeats requests that a service, or a proxy before it, cannot answer now."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
from support.faulty_proxy import Fault, FaultyProxy, faulty_proxy

from malignancy import (
    AsyncClient,
    Client,
    ConnectionFailed,
    Retries,
    ServiceError,
    TimedOut,
    Unavailable,
)

pytestmark = pytest.mark.process

ROWS = [[5, 1, 1, 1, 2, 1, 3, 1, 1]]
API_KEY = "lab.secret"
RETRIES = Retries(attempts=3, backoff_seconds=0.5, max_delay_seconds=5.0)


@pytest.fixture(scope="module")
def proxy(url: str) -> Iterator[FaultyProxy]:
    with faulty_proxy(url) as proxy:
        yield proxy


@pytest.fixture
def delays() -> list[float]:
    return []


@pytest.fixture
def client(
    proxy: FaultyProxy, delays: list[float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    with Client(proxy.url, api_key=API_KEY, timeout=60, retries=RETRIES) as client:
        monkeypatch.setattr(client, "_sleep", delays.append)
        yield client


@pytest.fixture
async def async_client(
    proxy: FaultyProxy, delays: list[float], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncClient]:
    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    async with AsyncClient(proxy.url, api_key=API_KEY, timeout=60, retries=RETRIES) as client:
        monkeypatch.setattr(client, "_sleep", sleep)
        yield client


PASSING: list[list[Fault]] = [
    [],
    ["close"],
    ["half", "close"],
    [(503, {"Retry-After": "1"}), (429, {"Retry-After": "2"})],
    [(502, {}), (504, {})],
]


@pytest.mark.parametrize("faults", PASSING)
def test_a_fault_that_passes_is_not_seen(
    client: Client, proxy: FaultyProxy, delays: list[float], faults: list[Fault]
) -> None:
    proxy.fail(*faults)
    assert client.predict(ROWS)[0].label == "benign"
    assert len(delays) == len(faults)
    assert len(proxy.received) == len(faults) + 1
    assert len(set(proxy.received)) == 1  # the same request each time
    for delay, fault in zip(delays, faults, strict=True):
        hint = float(fault[1].get("Retry-After", 0)) if isinstance(fault, tuple) else 0.0
        assert hint < delay <= hint + 1.0


@pytest.mark.anyio
@pytest.mark.parametrize("faults", PASSING)
async def test_the_async_client_repeats_too(
    async_client: AsyncClient, proxy: FaultyProxy, delays: list[float], faults: list[Fault]
) -> None:
    proxy.fail(*faults)
    assert (await async_client.predict(ROWS))[0].label == "benign"
    assert len(delays) == len(faults)


def test_a_fault_that_lasts_is_an_exception(client: Client, proxy: FaultyProxy) -> None:
    proxy.fail(*[(503, {"Retry-After": "2"})] * 9)
    with pytest.raises(Unavailable, match="503 Service Unavailable") as caught:
        client.predict(ROWS)
    assert (caught.value.attempts, caught.value.retry_after) == (3, 2.0)
    assert len(proxy.received) == 3
    faults: list[Fault] = ["close"] * 9
    proxy.fail(*faults)
    with pytest.raises(ConnectionFailed, match=r"POST .*/predict: .*\(3 attempts\)"):
        client.predict(ROWS)


def test_a_long_delay_is_not_waited_for(
    client: Client, proxy: FaultyProxy, delays: list[float]
) -> None:
    proxy.fail((503, {"Retry-After": "3600"}))
    with pytest.raises(Unavailable) as caught:
        client.predict(ROWS)
    assert (delays, caught.value.retry_after) == ([], 3600.0)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422, 500, 507])
def test_other_statuses_are_not_repeated(client: Client, proxy: FaultyProxy, status: int) -> None:
    proxy.fail((status, {}))
    with pytest.raises(ServiceError) as caught:
        client.predict(ROWS)
    assert (caught.value.status, caught.value.attempts) == (status, 1)
    assert len(proxy.received) == 1


def test_a_timeout_is_not_repeated(proxy: FaultyProxy) -> None:
    proxy.fail("silence")
    client = Client(proxy.url, timeout=0.2, retries=RETRIES)
    with client, pytest.raises(TimedOut, match="1 attempt"):
        client.predict(ROWS)
    assert len(proxy.received) == 1


def test_a_service_that_is_not_ready_is_an_answer(client: Client, proxy: FaultyProxy) -> None:
    proxy.fail((503, {"Retry-After": "1"}))
    health = client.health()
    assert (health.is_ready, health.detail) == (False, "Service Unavailable")
    assert len(proxy.received) == 1


def test_without_a_service_there_is_an_exception() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        client = Client(url, retries=Retries(attempts=1))
        with client, pytest.raises(ConnectionFailed, match="Connection refused") as caught:
            client.health()
    assert caught.value.attempts == 1

"""service/registry/backoff.py: what failed is tried again, ever more rarely."""

import pytest

from service.registry.backoff import FIRST_SECONDS, MOST_SECONDS, Retries


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("service.registry.backoff.monotonic", lambda: now[0])
    return now


def waits(retries: Retries, clock: list[float], times: int) -> list[float]:
    found = []
    for _ in range(times):
        retries.tried(failed=True)
        begin = clock[0]
        while not retries.due:
            clock[0] += FIRST_SECONDS / 2
        found.append(clock[0] - begin)
    return found


def test_the_times_grow_to_a_bound(clock: list[float]) -> None:
    retries = Retries()
    assert not retries.due
    assert waits(retries, clock, 9) == [1, 2, 4, 8, 16, 32, *3 * [MOST_SECONDS]]
    retries.renew()
    assert waits(retries, clock, 2) == [1, 2]
    retries.tried(failed=False)
    clock[0] += 10 * MOST_SECONDS
    assert not retries.due
    assert waits(retries, clock, 2) == [1, 2]

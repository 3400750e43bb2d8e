"""Tests of service.backoff: delays grow to a maximum and are reset."""

import pytest

from service.backoff import FIRST_SECONDS, MAX_SECONDS, Backoff


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("service.backoff.monotonic", lambda: now[0])
    return now


def delays(backoff: Backoff, clock: list[float], times: int) -> list[float]:
    found = []
    for _ in range(times):
        backoff.record(failed=True)
        begin = clock[0]
        while not backoff.due:
            clock[0] += FIRST_SECONDS / 2
        found.append(clock[0] - begin)
    return found


def test_delays_double_up_to_a_maximum(clock: list[float]) -> None:
    backoff = Backoff()
    assert not backoff.due
    assert delays(backoff, clock, 9) == [1, 2, 4, 8, 16, 32, *3 * [MAX_SECONDS]]
    backoff.reset()
    assert delays(backoff, clock, 2) == [1, 2]
    backoff.record(failed=False)
    clock[0] += 10 * MAX_SECONDS
    assert not backoff.due
    assert delays(backoff, clock, 2) == [1, 2]

"""Requests are repeated within limits, and as the service states in Retry-After."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malignancy.retries import Attempts, Retries, retry_after_seconds

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def attempts(retries: Retries, clock: Clock | None = None, random: float = 1.0) -> Attempts:
    return Attempts(retries, clock or Clock(), lambda: random)


def test_the_backoff_doubles_and_ends() -> None:
    some = attempts(Retries(attempts=4, backoff_seconds=0.2))
    assert [some.next_delay() for _ in range(4)] == [0.2, 0.4, 0.8, None]
    assert some.made == 4


def test_the_backoff_is_random_from_its_half_on() -> None:
    assert attempts(Retries(backoff_seconds=0.2), random=0.0).next_delay() == 0.1


def test_one_attempt_is_not_repeated() -> None:
    assert attempts(Retries(attempts=1)).next_delay() is None


def test_the_delay_of_the_service_is_kept() -> None:
    assert attempts(Retries(backoff_seconds=0.2)).next_delay(3.0) == 3.2


def test_a_longer_delay_than_the_limit_is_not_waited_for() -> None:
    retries = Retries(max_delay_seconds=5.0)
    assert attempts(retries).next_delay(5.0) is not None
    assert attempts(retries).next_delay(6.0) is None


def test_no_attempt_begins_after_the_total_time() -> None:
    clock = Clock()
    some = attempts(Retries(attempts=100, backoff_seconds=1.0, total_seconds=10.0), clock)
    clock.seconds = 8.9
    assert some.next_delay() == 1.0
    assert some.next_delay() is None  # at 10.9 s


@given(
    st.integers(1, 50),
    st.floats(0, 100),
    st.floats(0, 100),
    st.lists(st.none() | st.floats(0, 200), min_size=60, max_size=60),
    st.floats(0, 1, exclude_max=True),
)
def test_attempts_and_delays_are_bounded(
    limit: int, backoff: float, longest: float, hints: list[float | None], random: float
) -> None:
    retries = Retries(limit, backoff, longest, total_seconds=1e9)
    some = attempts(retries, random=random)
    delays: list[float] = []
    for hint in hints:
        delay = some.next_delay(hint)
        if delay is None:
            break
        assert delay >= (hint or 0.0)
        delays.append(delay)
    assert len(delays) < limit
    assert all(delay <= 2 * longest for delay in delays)


def test_limits_that_cannot_be_are_rejected() -> None:
    with pytest.raises(ValueError, match="attempts must be at least 1"):
        Retries(attempts=0)
    with pytest.raises(ValueError, match="must be >= 0"):
        Retries(backoff_seconds=-1.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        (" 0 ", 0.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        (format_datetime(NOW + timedelta(seconds=20), usegmt=True), 20.0),
        (format_datetime(NOW - timedelta(seconds=20), usegmt=True), 0.0),
    ],
)
def test_the_header_has_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@given(st.text(max_size=40))
def test_any_other_text_has_no_seconds(value: str) -> None:
    found = retry_after_seconds(value, NOW)
    assert found is None or found >= 0

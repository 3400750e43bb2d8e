"""Tests of service.live.query: windows, periods and errors."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.live.query import HOURS, MAX_PERIODS, LiveQuery, default_query, iso_hour, parse_query
from service.problems import Problem
from service.registry.thresholds import Thresholds

NOW = 1_788_000_000.5  # 2026-08-29T10:40:00.5Z, a Saturday
THRESHOLDS = Thresholds({"default": 0.4, "sure": 0.9})


def parse(query: str) -> LiveQuery:
    return parse_query(query.encode(), THRESHOLDS, NOW)


@pytest.mark.parametrize(
    ("query", "start", "stop"),
    [
        ("", "2026-08-22T00:00:00Z", "2026-08-29T11:00:00Z"),
        ("by=hour", "2026-08-22T11:00:00Z", "2026-08-29T11:00:00Z"),
        ("from=2026-08-01&to=2026-08-03", "2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z"),
        (
            "from=2026-08-01T10:59:59Z&to=2026-08-01T12:00:01%2B02:00",
            "2026-08-01T10:00:00Z",
            "2026-08-01T11:00:00Z",
        ),
        (
            "from=2026-08-01T06:30:00+02:00&to=2026-08-01T12:00",
            "2026-08-01T04:00:00Z",
            "2026-08-01T12:00:00Z",
        ),
    ],
)
def test_windows_are_whole_hours(query: str, start: str, stop: str) -> None:
    found = parse(query)
    assert (iso_hour(found.start), iso_hour(found.stop)) == (start, stop)
    assert found.threshold == 0.4


def test_the_default_is_that_of_the_gauges() -> None:
    assert parse("") == default_query(0.4, NOW)
    assert parse("threshold=sure&weighting=coverage").threshold == 0.9


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=month", "by"),
        ("by=hour&from=2026-01-01", "by"),
        ("weighting=yes", "weighting"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=1960-01-01", "from"),
        ("from=2026-08-30", "from"),
        ("from=2026-08-02&to=2026-08-02", "from"),
        ("threshold=2", "threshold"),
        ("since=2026", "query"),
        ("by=day&by=day", "by"),
    ],
)
def test_an_invalid_query_names_the_parameter(query: str, field: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(query)
    assert caught.value.status == 422
    assert caught.value.errors[0]["field"] == field


@given(
    start=st.integers(0, 10**6),
    hours=st.integers(1, 900),
    by=st.sampled_from(["hour", "day", "week"]),
)
def test_every_hour_has_a_period(start: int, hours: int, by: str) -> None:
    query = LiveQuery(start, start + hours, by, math.nan, "none")  # type: ignore[arg-type]  # a drawn name
    periods = list(query.periods)
    assert periods == sorted(set(periods))
    assert {query.period_of(hour) for hour in range(start, start + hours)} == set(periods)
    assert len(periods) <= min(MAX_PERIODS, hours // HOURS[by] + 2)


def test_weeks_begin_on_monday() -> None:
    found = parse("by=week&from=2026-08-01&to=2026-08-20")
    starts = [iso_hour(hour)[:10] for hour in found.periods]
    assert starts == ["2026-08-01", "2026-08-03", "2026-08-10", "2026-08-17"]

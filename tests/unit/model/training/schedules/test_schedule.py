"""Schedule.with_length: a training sets the length of a schedule that has none."""

import pytest

from model.errors import NetworkError
from model.training.schedules.registry import schedule_from
from model.training.schedules.schedule import Schedule


def build(description: object) -> Schedule:
    schedule = schedule_from(description)
    assert isinstance(schedule, Schedule)
    return schedule


def test_with_length_fills_a_missing_length_only() -> None:
    for name in ("cosine", "one_cycle"):
        without, fixed = build(name), build({"name": name, "steps": 50})
        with pytest.raises(NetworkError, match=f"^schedule {name} needs its steps"):
            without.rate(0, 0.1)
        assert without.with_length(50) == fixed == fixed.with_length(70)
        warm = build({"name": "warm_up", "steps": 10, "then": name})
        assert warm.with_length(60) == build(
            {"name": "warm_up", "steps": 10, "then": fixed.describe()}
        )
    with pytest.raises(NetworkError, match=r"one_cycle: steps must be at least .*, got 3"):
        build("one_cycle").with_length(3)

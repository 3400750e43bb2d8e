"""Schedules whose length is the training's."""

import pytest

from model.errors import NetworkError
from model.training.schedules.registry import schedule_from
from model.training.schedules.schedule import Schedule


def built(description: object) -> Schedule:
    schedule = schedule_from(description)
    assert isinstance(schedule, Schedule)
    return schedule


def test_a_training_gives_a_schedule_its_length() -> None:
    for name in ("cosine", "one_cycle"):
        bare, given = built(name), built({"name": name, "steps": 50})
        with pytest.raises(NetworkError, match=f"^schedule {name} needs its steps"):
            bare.rate(0, 0.1)
        assert bare.over(50) == given == given.over(70)
        warm = built({"name": "warm_up", "steps": 10, "then": name})
        assert warm.over(60) == built({"name": "warm_up", "steps": 10, "then": given.describe()})
    with pytest.raises(NetworkError, match=r"one_cycle: steps must be at least .*, got 3"):
        built("one_cycle").over(3)

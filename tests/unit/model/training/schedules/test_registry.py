"""Every registered schedule: precomputed values, properties, plain data and argument checks."""

import functools
import itertools
import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import DOCS

from model.errors import NetworkError
from model.training.schedules.cosine import Cosine, OneCycle
from model.training.schedules.plateau import PlateauState, ReduceOnPlateau
from model.training.schedules.registry import SCHEDULES, ConstantRate, WarmUp, schedule_from
from model.training.schedules.schedule import Schedule

EXAMPLES: list[dict[str, Any]] = [
    {"name": "constant"},
    {"name": "exponential", "factor": 0.9},
    {"name": "step", "every": 10, "factor": 0.5},
    {"name": "inverse_time", "decay": 0.5},
    {"name": "cosine", "steps": 10, "minimum": 0.25},
    {"name": "warm_restarts", "period": 4, "multiplier": 2},
    {"name": "one_cycle", "steps": 21, "rise": 11 / 21},
    {"name": "warm_up", "steps": 4, "then": {"name": "warm_restarts", "period": 2}, "start": 0.2},
]

shares = st.floats(0.001, 0.999)
counts = st.integers(1, 1000)
minima = st.floats(0, 1)


def tables(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"name": st.just(name), **fields})


by_step = st.one_of(
    tables("constant"),
    tables("exponential", factor=shares),
    tables("step", every=counts, factor=shares),
    tables("inverse_time", decay=st.floats(0, 100)),
    tables("cosine", steps=counts, minimum=minima),
    tables("warm_restarts", period=counts, multiplier=st.integers(1, 4), minimum=minima),
    tables(
        "one_cycle",
        steps=st.integers(20, 1000),
        rise=st.floats(0.1, 0.999),
        div_factor=st.floats(1, 100),
        final_div_factor=st.floats(1, 1e6),
    ),
)
schedules = st.one_of(by_step, tables("warm_up", steps=counts, then=by_step, start=shares))
steps = st.integers(0, 5000)
bases = st.floats(1, 10)  # at least the largest minimum


def build(description: object) -> Schedule:
    schedule = schedule_from(description)
    assert isinstance(schedule, Schedule)
    return schedule


@pytest.mark.parametrize(
    ("example", "rates"),
    list(
        zip(
            EXAMPLES,
            [
                {0: 1, 7: 1, 10**9: 1},
                {0: 1, 1: 0.9, 2: 0.81, 10**9: 0},
                {0: 1, 9: 1, 10: 0.5, 19: 0.5, 20: 0.25},
                {0: 1, 1: 2 / 3, 2: 0.5, 18: 0.1},
                {0: 1, 5: 0.625, 10: 0.25, 11: 0.25, 10**9: 0.25},
                # periods of 4, 8 and 16 steps: 0 to 3, 4 to 11, 12 to 27
                {0: 1, 2: 0.5, 4: 1, 6: (2 + 2**0.5) / 4, 8: 0.5, 12: 1, 20: 0.5, 28: 1},
                # up over 10 steps from 1/25, down over 10 to 1/250 000
                {0: 0.04, 5: 0.52, 10: 1, 15: (1 + 4e-6) / 2, 20: 4e-6, 21: 4e-6, 10**9: 4e-6},
                {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 1, 5: 0.5, 6: 1, 7: 0.5},
            ],
            strict=True,
        )
    ),
    ids=lambda value: value.get("name", ""),
)
def test_rates_match_precomputed_values(example: dict[str, Any], rates: dict[int, float]) -> None:
    schedule = build(example)
    for step, expected in rates.items():
        assert schedule.rate(step, 1) == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_minimum_does_not_scale_with_the_base() -> None:
    assert [Cosine(10, minimum=0.25).rate(step, 4.25) for step in (0, 5, 10)] == [4.25, 2.25, 0.25]


def test_every_schedule_has_an_example_and_is_documented() -> None:
    assert [each["name"] for each in EXAMPLES] + ["reduce_on_plateau"] == list(SCHEDULES)
    page = DOCS / "reference" / "schedules.md"
    documented = re.findall(r"^\| `(\w+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert documented == list(SCHEDULES)


def test_only_one_cycle_changes_the_momentum() -> None:
    for example in EXAMPLES:
        expected = example["name"] == "one_cycle"
        assert (build(example).momentum(0) is not None) == expected
    schedule = OneCycle(21, rise=11 / 21)
    found = [schedule.momentum(step) for step in (0, 5, 10, 15, 20, 30)]
    assert found == pytest.approx([0.95, 0.9, 0.85, 0.9, 0.95, 0.95], rel=1e-12)
    assert OneCycle(21, cycle_momentum=False).momentum(3) is None


def test_one_cycle_starts_after_the_warm_up() -> None:
    cycle = OneCycle(21)
    schedule = WarmUp(5, cycle)
    assert schedule.rate(0, 1) == pytest.approx(0.01 / 25, rel=1e-12)
    expected = [cycle.momentum(0)] * 5 + [cycle.momentum(step) for step in range(30)]
    assert [schedule.momentum(step) for step in range(35)] == expected


@given(schedules, steps, bases)
def test_rate_is_between_minimum_and_base(
    description: dict[str, Any], step: int, base: float
) -> None:
    rate = build(description).rate(step, base)
    assert description.get("minimum", 0) * (1 - 1e-12) <= rate <= base * (1 + 1e-12)


@given(schedules, st.lists(steps, max_size=8), bases)
def test_rate_depends_on_the_step_only(
    description: dict[str, Any], visited: list[int], base: float
) -> None:
    """Neither earlier calls nor the object matter."""
    schedule = build(description)
    expected = [(schedule.rate(step, base), schedule.momentum(step)) for step in visited]
    again = [(schedule.rate(step, base), schedule.momentum(step)) for step in reversed(visited)]
    assert again[::-1] == expected
    fresh = [build(description).rate(step, base) for step in visited]
    assert fresh == [rate for rate, _ in expected]


@given(counts, shares, by_step, bases)
def test_warm_up_is_linear_and_continues_with_the_next_schedule(
    count: int, start: float, then: dict[str, Any], base: float
) -> None:
    schedule = build({"name": "warm_up", "steps": count, "then": then, "start": start})
    after = build(then)
    peak = after.rate(0, base)
    rates = [schedule.rate(step, base) for step in range(count + 1)]
    assert rates[0] == pytest.approx(peak * start, rel=1e-12)
    assert rates[-1] == peak
    rise = peak * (1 - start) / count
    for here, following in itertools.pairwise(rates):
        assert following - here == pytest.approx(rise, rel=1e-9, abs=1e-12)
    for step in range(20):
        assert schedule.rate(count + step, base) == after.rate(step, base)


@given(schedules)
def test_describe_round_trips(description: dict[str, Any]) -> None:
    schedule = schedule_from(description)
    plain = schedule.describe()
    assert schedule_from(json.loads(json.dumps(plain))) == schedule
    assert schedule_from(schedule) is schedule


def test_describe_omits_defaults() -> None:
    assert WarmUp(5, Cosine(100)).describe() == {
        "name": "warm_up",
        "steps": 5,
        "then": {"name": "cosine", "steps": 100},
    }
    assert WarmUp(5, ConstantRate()).describe() == {
        "name": "warm_up",
        "steps": 5,
        "then": "constant",
    }
    assert ReduceOnPlateau().describe() == "reduce_on_plateau"
    assert schedule_from("reduce_on_plateau") == ReduceOnPlateau()


def states(schedule: ReduceOnPlateau, values: list[float]) -> list[PlateauState]:
    found, state = [], PlateauState()
    for value in values:
        state = schedule.observe(state, value)
        found.append(state)
    return found


def test_plateau_state_after_each_value() -> None:
    """Two bad values are tolerated, the third reduces; the next two are the cooldown."""
    schedule = ReduceOnPlateau(factor=0.5, patience=2, threshold=0.1, cooldown=2, minimum=0.2)
    values = [2.0, 1.9, 1.82, 1.8, 1.9, 1.9, 1.9, 1.6, 1.9, 1.9, 1.9, 1.9]
    found = states(schedule, values)
    assert [state.reductions for state in found] == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2]
    assert [state.bad for state in found] == [0, 1, 2, 0, 0, 0, 1, 0, 1, 2, 0, 0]
    assert [state.cooldown for state in found] == [0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 2, 1]
    assert [state.best for state in found] == [2.0] * 7 + [1.6] * 5
    assert schedule.rate(PlateauState(), 1) == 1
    assert [schedule.rate(found[i], 1) for i in (2, 3, 10)] == [1, 0.5, 0.25]
    assert schedule.rate(PlateauState(reductions=3), 1) == 0.2
    assert schedule.rate(PlateauState(reductions=3), 4) == 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_values_are_never_better(bad: float) -> None:
    schedule = ReduceOnPlateau(patience=0)
    assert states(schedule, [bad, 1.0, bad])[-1] == PlateauState(best=1.0, reductions=2)


@given(
    st.lists(st.floats(0, 10), max_size=60),
    st.integers(0, 60),
    st.builds(
        ReduceOnPlateau,
        factor=shares,
        patience=st.integers(0, 4),
        threshold=minima,
        cooldown=st.integers(0, 4),
        minimum=minima,
    ),
    bases,
)
def test_plateau_resumes_from_a_checkpoint(
    values: list[float], cut: int, schedule: ReduceOnPlateau, base: float
) -> None:
    whole = functools.reduce(schedule.observe, values, PlateauState())
    half = functools.reduce(schedule.observe, values[:cut], PlateauState())
    saved = json.dumps(half, allow_nan=False)
    restored = PlateauState(*json.loads(saved))
    assert restored == half
    assert functools.reduce(schedule.observe, values[cut:], restored) == whole
    assert schedule.minimum <= schedule.rate(whole, base) <= schedule.rate(half, base) <= base
    assert schedule_from(json.loads(json.dumps(schedule.describe()))) == schedule


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("linear", "schedule must be one of constant, .*, reduce_on_plateau, got 'linear'"),
        (3, "schedule must be a name, or a table of a name and numbers"),
        ("exponential", "schedule exponential needs its factor"),
        ({"name": "cosine", "step": 3}, "schedule cosine has no 'step': did you mean steps?"),
        ({"name": "cosine", "steps": 0}, "cosine: steps must be a positive integer, got 0"),
        ({"name": "cosine", "steps": 9, "minimum": -1}, "minimum must be a number from 0 to 1e"),
        (
            {"name": "exponential", "factor": 1.1},
            "factor must be a number from 1e-09 to 1, got 1.1",
        ),
        ({"name": "exponential", "factor": math.nan}, "exponential: factor .*, got nan"),
        ({"name": "step", "every": 2.5}, "step: every must be a positive integer, got 2.5"),
        ({"name": "step", "every": 2, "factor": 0}, "step: factor must be a number from"),
        ({"name": "inverse_time", "decay": True}, "decay must be a number from 0 to .*, got True"),
        ({"name": "warm_restarts", "period": "9"}, "period must be a positive integer, got '9'"),
        (
            {"name": "warm_restarts", "period": 9, "multiplier": 1.5},
            "multiplier must be a positive",
        ),
        ({"name": "warm_restarts", "period": 9, "minimum": None}, "minimum must be a number"),
        ({"name": "one_cycle", "steps": -1}, "one_cycle: steps must be a positive integer, got -1"),
        ({"name": "one_cycle", "steps": 6}, "steps must be at least 2 / rise = 6.66667, got 6"),
        ({"name": "one_cycle", "steps": 9, "rise": 1}, "rise must be a number from 0.001 to 0.999"),
        ({"name": "one_cycle", "steps": 9, "div_factor": 0.5}, "one_cycle: div_factor must be a"),
        ({"name": "one_cycle", "steps": 9, "final_div_factor": 0}, "final_div_factor must be a"),
        ({"name": "one_cycle", "steps": 9, "cycle_momentum": 1}, "must be true or false, got 1"),
        ({"name": "one_cycle", "steps": 9, "high_momentum": 1}, "high_momentum must be a number"),
        ({"name": "one_cycle", "steps": 9, "low_momentum": 0.96}, "low_momentum .* to 0.95, got"),
        ({"name": "warm_up", "steps": 9}, "schedule warm_up needs its then"),
        ({"name": "warm_up", "steps": 0, "then": "constant"}, "warm_up: steps must be a positive"),
        ({"name": "warm_up", "steps": 9, "then": "constant", "start": 2}, "warm_up: start must be"),
        (
            {"name": "warm_up", "steps": 9, "then": "reduce_on_plateau"},
            "schedule warm_up: then must be one of constant, .*, got 'reduce_on_plateau'",
        ),
        (
            {"name": "warm_up", "steps": 9, "then": {"name": "warm_up", "steps": 9}},
            "schedule warm_up: then must be one of constant, .*, got 'warm_up'",
        ),
        (
            {"name": "warm_up", "steps": 9, "then": {"name": "cosine", "steps": 0}},
            "schedule cosine: steps must be a positive integer",
        ),
        ({"name": "reduce_on_plateau", "factor": 1}, "reduce_on_plateau: factor must be a number"),
        ({"name": "reduce_on_plateau", "patience": -1}, "patience must be 0 or a positive integer"),
        ({"name": "reduce_on_plateau", "cooldown": True}, "cooldown must be 0 or .*, got True"),
        ({"name": "reduce_on_plateau", "threshold": 2}, "threshold must be a number from 0 to 1"),
        ({"name": "reduce_on_plateau", "minimum": -1}, "reduce_on_plateau: minimum must be a"),
    ],
)
def test_invalid_schedule_is_rejected(description: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        schedule_from(description)


def test_minimum_above_the_base_is_rejected() -> None:
    message = "minimum must be at most the learning rate 0.1, got 0.2"
    for name, numbers in (("cosine", {"steps": 9}), ("warm_restarts", {"period": 9})):
        schedule = build({"name": name, "minimum": 0.2, **numbers})
        with pytest.raises(NetworkError, match=f"schedule {name}: {message}"):
            schedule.rate(0, 0.1)
    with pytest.raises(NetworkError, match=f"schedule reduce_on_plateau: {message}"):
        ReduceOnPlateau(minimum=0.2).rate(PlateauState(), 0.1)

"""PyTorch's schedulers against ours, step by step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from model.training.schedules.plateau import PlateauState, ReduceOnPlateau
from model.training.schedules.registry import schedule_from
from model.training.schedules.schedule import Schedule

torch = pytest.importorskip("torch", reason="needs the extra oracles: make oracles")

STEPS = 300
BASE = 0.3
TOLERANCE = 1e-12

Scheduler = Callable[[Any], Any]  # of an optimizer


def lr(kind: str, **numbers: Any) -> Scheduler:
    """A PyTorch scheduler without its optimizer."""

    def of(optimizer: Any) -> Any:
        return getattr(torch.optim.lr_scheduler, kind)(optimizer, **numbers)

    return of


def warmed(steps: int, start: float, then: Scheduler) -> Scheduler:
    def of(optimizer: Any) -> Any:
        warm_up = lr("LinearLR", start_factor=start, total_iters=steps)(optimizer)
        parts = [warm_up, then(optimizer)]
        return torch.optim.lr_scheduler.SequentialLR(optimizer, parts, milestones=[steps])

    return of


def optimizer_of_torch() -> Any:
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    return torch.optim.SGD([parameter], lr=BASE, momentum=0.5)


def rates_of_torch(make: Scheduler, steps: int) -> tuple[list[float], list[float]]:
    """Rates and momenta of the updates at steps 0, 1, …"""
    optimizer = optimizer_of_torch()
    scheduler = make(optimizer)
    rates, momenta = [], []
    for step in range(steps):
        [group] = optimizer.param_groups
        rates.append(group["lr"])
        momenta.append(group["momentum"])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return rates, momenta


def cosine(steps: int, minimum: float) -> Scheduler:
    return lr("CosineAnnealingLR", T_max=steps, eta_min=minimum)


def restarts(period: int, multiplier: int, minimum: float) -> Scheduler:
    return lr("CosineAnnealingWarmRestarts", T_0=period, T_mult=multiplier, eta_min=minimum)


CASES: list[tuple[dict[str, Any], Scheduler]] = [
    ({"name": "constant"}, lr("ConstantLR", factor=1.0)),
    ({"name": "exponential", "factor": 0.97}, lr("ExponentialLR", gamma=0.97)),
    ({"name": "step", "every": 40}, lr("StepLR", step_size=40)),
    ({"name": "step", "every": 7, "factor": 0.8}, lr("StepLR", step_size=7, gamma=0.8)),
    (
        {"name": "inverse_time", "decay": 0.05},
        lr("LambdaLR", lr_lambda=lambda step: 1 / (1 + 0.05 * step)),
    ),
    ({"name": "cosine", "steps": 299, "minimum": 0.01}, cosine(299, 0.01)),
    ({"name": "cosine", "steps": STEPS}, cosine(STEPS, 0.0)),
    ({"name": "warm_restarts", "period": 17}, restarts(17, 1, 0.0)),
    ({"name": "warm_restarts", "period": 10, "multiplier": 2}, restarts(10, 2, 0.0)),
    (
        {"name": "warm_restarts", "period": 5, "multiplier": 3, "minimum": 0.01},
        restarts(5, 3, 0.01),
    ),
    (
        {"name": "one_cycle", "steps": STEPS},
        lr("OneCycleLR", max_lr=BASE, total_steps=STEPS),
    ),
    (
        {
            "name": "one_cycle",
            "steps": STEPS,
            "rise": 0.437,
            "div_factor": 10,
            "final_div_factor": 50,
            "low_momentum": 0.8,
            "high_momentum": 0.99,
        },
        lr(
            "OneCycleLR",
            max_lr=BASE,
            total_steps=STEPS,
            pct_start=0.437,
            div_factor=10,
            final_div_factor=50,
            base_momentum=0.8,
            max_momentum=0.99,
        ),
    ),
    (
        {"name": "one_cycle", "steps": STEPS, "cycle_momentum": False},
        lr("OneCycleLR", max_lr=BASE, total_steps=STEPS, cycle_momentum=False),
    ),
    (
        {"name": "warm_up", "steps": 50, "then": "constant", "start": 1 / 3},
        warmed(50, 1 / 3, lr("ConstantLR", factor=1.0)),
    ),
    (
        {"name": "warm_up", "steps": 30, "then": {"name": "exponential", "factor": 0.99}},
        warmed(30, 0.01, lr("ExponentialLR", gamma=0.99)),
    ),
    (
        {"name": "warm_up", "steps": 1, "then": {"name": "step", "every": 9, "factor": 0.9}},
        warmed(1, 0.01, lr("StepLR", step_size=9, gamma=0.9)),
    ),
    (
        {"name": "warm_up", "steps": 50, "then": {"name": "cosine", "steps": 249, "minimum": 0.01}},
        warmed(50, 0.01, cosine(249, 0.01)),
    ),
    (
        {"name": "warm_up", "steps": 50, "then": {"name": "one_cycle", "steps": 250}},
        warmed(50, 0.01, lr("OneCycleLR", max_lr=BASE, total_steps=250)),
    ),
]


@pytest.mark.parametrize(("description", "scheduler"), CASES, ids=[str(case[0]) for case in CASES])
def test_rates(description: dict[str, Any], scheduler: Scheduler) -> None:
    schedule = schedule_from(description)
    assert isinstance(schedule, Schedule)
    rates, momenta = rates_of_torch(scheduler, STEPS)
    found = [schedule.rate(step, BASE) for step in range(STEPS)]
    np.testing.assert_allclose(found, rates, rtol=TOLERANCE)
    if schedule.momentum(0) is not None:
        cycled = [schedule.momentum(step) for step in range(STEPS)]
        np.testing.assert_allclose(np.array(cycled, float), momenta, rtol=TOLERANCE)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"factor": 0.5, "patience": 3, "threshold": 0.01},
        {"factor": 0.7, "patience": 0, "cooldown": 4, "minimum": 0.01},
        {"factor": 0.9, "patience": 2, "threshold": 0.05, "cooldown": 3, "minimum": 1e-3},
    ],
    ids=str,
)
def test_plateau(numbers: dict[str, Any], seed: int) -> None:
    """Losses fall, level off and jump; some are NaN."""
    schedule, state = ReduceOnPlateau(**numbers), PlateauState()
    theirs = {"min_lr" if key == "minimum" else key: value for key, value in numbers.items()}
    optimizer = optimizer_of_torch()
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, eps=0, **theirs)
    generator = np.random.default_rng(seed)
    falling = np.exp(-np.arange(STEPS) / 60) + 0.3
    values = falling * generator.lognormal(0, 0.05, STEPS)
    values[generator.random(STEPS) < 0.02] = np.nan
    found, expected = [], []
    for value in values.tolist():
        found.append(schedule.rate(state, BASE))
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(value)
        state = schedule.observe(state, value)
        best = np.inf if state.best is None else state.best
        ours = best, state.bad, state.cooldown
        assert ours == (scheduler.best, scheduler.num_bad_epochs, scheduler.cooldown_counter)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE)
    assert state.reductions > 1

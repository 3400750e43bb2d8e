"""Every optimizer against PyTorch's; Lion, which PyTorch lacks, against its paper's algorithm."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.training.optimizers.registry import OPTIMIZERS, optimizer_from
from model.training.regularization.gradients import clip_by_norm, clip_by_value

torch = pytest.importorskip("torch", reason="compares with PyTorch: make oracles")

STEPS, SIZE = 100, 40
TOLERANCE = 1e-10
START = np.random.default_rng(0).standard_normal(SIZE)
SCALES = np.geomspace(0.1, 5, SIZE)
HALF = np.arange(SIZE) % 2 == 0


@pytest.fixture(autouse=True)
def use_float64() -> Iterator[None]:
    """Includes PyTorch's state: NAdam's product of μ is float32 by default."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Lion(torch.optim.Optimizer):  # type: ignore[misc,name-defined]  # torch may be absent
    """Chen et al. 2023, algorithm 2, line by line."""

    def __init__(
        self,
        params: Any,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self) -> None:
        for group in self.param_groups:
            (beta1, beta2), rate, decay = group["betas"], group["lr"], group["weight_decay"]
            for theta in group["params"]:
                m = self.state[theta].setdefault("m", torch.zeros_like(theta))
                c = beta1 * m + (1 - beta1) * theta.grad
                theta -= rate * (torch.sign(c) + decay * theta)
                self.state[theta]["m"] = beta2 * m + (1 - beta2) * theta.grad


def of(kind: str, **numbers: Any) -> Callable[[Any], Any]:
    return lambda params: getattr(torch.optim, kind)(params, **numbers)


BETAS = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3}
THEIR_BETAS = {"betas": (0.8, 0.95), "eps": 1e-3}
# Plain data of ours, and PyTorch's optimizer.
CASES: list[tuple[dict[str, Any], Callable[[Any], Any]]] = [
    ({"name": "gradient_descent", "learning_rate": 0.1}, of("SGD", lr=0.1)),
    ({"name": "momentum", "learning_rate": 0.05}, of("SGD", lr=0.05, momentum=0.9)),
    (
        {"name": "momentum", "learning_rate": 0.05, "momentum": 0.5},
        of("SGD", lr=0.05, momentum=0.5),
    ),
    (
        {"name": "nesterov", "learning_rate": 0.05},
        of("SGD", lr=0.05, momentum=0.9, nesterov=True),
    ),
    ({"name": "adagrad"}, of("Adagrad")),
    ({"name": "adagrad", "learning_rate": 0.1, "epsilon": 0.01}, of("Adagrad", lr=0.1, eps=0.01)),
    ({"name": "rmsprop"}, of("RMSprop")),
    (
        {"name": "rmsprop", "learning_rate": 0.02, "alpha": 0.9, "epsilon": 1e-3},
        of("RMSprop", lr=0.02, alpha=0.9, eps=1e-3),
    ),
    ({"name": "adam"}, of("Adam")),
    ({"name": "adam", "learning_rate": 0.05, **BETAS}, of("Adam", lr=0.05, **THEIR_BETAS)),
    ({"name": "adamw"}, of("AdamW")),
    (
        {"name": "adamw", "learning_rate": 0.05, "weight_decay": 0.3, **BETAS},
        of("AdamW", lr=0.05, weight_decay=0.3, **THEIR_BETAS),
    ),
    ({"name": "nadam"}, of("NAdam")),
    (
        # With a smaller ε it is chaotic: PyTorch's differs as much from a start one ulp away.
        {"name": "nadam", "learning_rate": 0.05, "momentum_decay": 0.02, "epsilon": 0.1},
        of("NAdam", lr=0.05, momentum_decay=0.02, eps=0.1),
    ),
    ({"name": "lion", "learning_rate": 0.01}, lambda params: Lion(params, 0.01)),
    (
        {"name": "lion", "learning_rate": 0.02, "beta1": 0.8, "beta2": 0.9, "weight_decay": 0.3},
        lambda params: Lion(params, 0.02, (0.8, 0.9), 0.3),
    ),
]


def ours(
    description: object,
    before: Callable[[Array], list[Any]] = lambda _: [],
    each: Callable[[int], tuple[float, float]] | None = None,
    l2: float = 0.0,
    **options: Array,
) -> Array:
    """θ after all steps.

    each: the rate and momentum of a step. before: calls on its gradient.
    """
    theta, gradient = START.copy(), np.zeros(SIZE)
    update = optimizer_from(description).bind(theta, gradient, **options)
    calls = [*before(gradient), *update]
    for step in range(STEPS):
        if each is not None:
            update.rate[...], momentum = each(step)
            if update.momentum is not None:
                update.momentum[...] = momentum
        gradient[...] = SCALES * np.sin(theta) + l2 * theta
        for call in calls:
            call()
    return theta


def theirs(
    make: Callable[[Any], Any],
    before: Callable[[Any], object] = lambda _: None,
    each: Callable[[int], tuple[float, float]] | None = None,
    groups: Callable[[Any, Any], Any] | None = None,
) -> Array:
    """θ after all steps; with groups, even and odd ones are separate parameters."""
    even, odd = (torch.tensor(START[half], requires_grad=True) for half in (HALF, ~HALF))
    optimizer = make([even, odd] if groups is None else groups(even, odd))
    for step in range(STEPS):
        for group in optimizer.param_groups:
            if each is not None:
                group["lr"], momentum = each(step)
                if "betas" in group:
                    group["betas"] = momentum, group["betas"][1]
                elif group.get("momentum"):
                    group["momentum"] = momentum
        optimizer.zero_grad()
        for half, parameter in ((HALF, even), (~HALF, odd)):
            (torch.tensor(SCALES[half]) * (1 - torch.cos(parameter))).sum().backward()
        before([even, odd])
        optimizer.step()
    theta = np.empty(SIZE)
    theta[HALF], theta[~HALF] = even.detach().numpy(), odd.detach().numpy()
    return theta


def agree(found: Array, expected: Array) -> None:
    assert np.abs(expected - START).max() > 1e-3, "θ has hardly changed: nothing was compared"
    difference = np.abs(found - expected).max()
    print(f"\ndifference {difference:.1e}")
    assert difference <= TOLERANCE


def test_every_optimizer_is_compared() -> None:
    assert {case[0]["name"] for case in CASES} == set(OPTIMIZERS)


@pytest.mark.parametrize(("description", "make"), CASES)
def test_over_100_steps(description: Any, make: Any) -> None:
    agree(ours(description), theirs(make))


@pytest.mark.parametrize(("description", "make"), CASES)
def test_under_one_cycle(description: Any, make: Any) -> None:
    """The rate and the momentum, or β₁, change at every step."""

    def each(step: int) -> tuple[float, float]:
        wave = np.cos(2 * np.pi * step / STEPS)
        return 0.02 - 0.015 * wave, 0.8 + 0.1 * wave

    agree(ours(description, each=each), theirs(make, each=each))


@pytest.mark.parametrize(("description", "make"), CASES)
def test_multipliers_equal_groups_with_separate_rates(description: Any, make: Any) -> None:
    rate: Any = optimizer_from(description).learning_rate

    def groups(even: Any, odd: Any) -> Any:
        return [{"params": [even], "lr": 0.25 * rate}, {"params": [odd], "lr": 2.0 * rate}]

    found = ours(description, multipliers=np.where(HALF, 0.25, 2.0))
    agree(found, theirs(make, groups=groups))


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_decay_applies_to_its_mask_only(name: str) -> None:
    def groups(even: Any, odd: Any) -> Any:
        return [{"params": [even], "weight_decay": 0.3}, {"params": [odd], "weight_decay": 0.0}]

    make = of("AdamW", lr=0.01) if name == "adamw" else lambda params: Lion(params, 0.01)
    description = {"name": name, "learning_rate": 0.01, "weight_decay": 0.3}
    agree(ours(description, decay=HALF), theirs(make, groups=groups))


@pytest.mark.parametrize(
    ("description", "make"),
    [
        (CASES[0][0], of("SGD", lr=0.1, weight_decay=0.1)),
        (CASES[3][0], of("SGD", lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1)),
        (CASES[4][0], of("Adagrad", weight_decay=0.1)),
        (CASES[6][0], of("RMSprop", weight_decay=0.1)),
        (CASES[8][0], of("Adam", weight_decay=0.1)),
        (CASES[12][0], of("NAdam", weight_decay=0.1)),
    ],
)
def test_their_other_weight_decay_is_a_term_of_the_gradient(description: Any, make: Any) -> None:
    agree(ours(description, l2=0.1), theirs(make))


@pytest.mark.parametrize("limit", [0.1, 1.0, 5.0, 1000.0])
@pytest.mark.parametrize(("description", "make"), [CASES[0], CASES[3], CASES[8]])
def test_clipped(description: Any, make: Any, limit: float) -> None:
    utils = torch.nn.utils
    found = ours(description, lambda gradient: clip_by_norm(gradient, limit))
    expected = theirs(make, lambda both: utils.clip_grad_norm_(both, limit))
    agree(found, expected)
    found = ours(description, lambda gradient: clip_by_value(gradient, limit))
    expected = theirs(make, lambda both: utils.clip_grad_value_(both, limit))
    agree(found, expected)

"""Twenty members of 9-15-1 on a batch of 32: in one plan, and in separate plans."""

from collections.abc import Callable

import numpy as np

from benchmarks.harness.timing import Run, repeated
from model.network.network import Network
from model.training.optimizers.registry import GradientDescent

MEMBERS, FEATURES, HIDDEN, BATCH = 20, 9, 15, 32
TITLE = f"{MEMBERS} members of {FEATURES}-{HIDDEN}-1, batch {BATCH}: µs per step of all"


def step_of(members: int) -> Callable[[], None]:
    """Return one step of `members` networks in one plan."""
    generator = np.random.default_rng(0)
    network = Network([{"units": HIDDEN, "activation": "relu"}, {"units": 1}], FEATURES)
    theta = network.initial_parameters([generator] * members if members > 1 else generator)
    plan = network.compile(theta, BATCH)
    labels = generator.uniform(size=(BATCH, 1)) > 0.5
    plan.load(generator.uniform(size=(BATCH, FEATURES)), network.loss.encode(labels, 1, "float64"))
    update = list(GradientDescent(0.01).bind(theta, plan.gradient))

    def step() -> None:
        plan.step()
        for call in update:
            call()

    return step


def engine() -> Run:
    """All members in one plan."""
    return repeated(step_of(MEMBERS))


def separate_plans() -> Run:
    """One plan per member, one after another."""
    steps = [step_of(1) for _ in range(MEMBERS)]
    return repeated(lambda: [step() for step in steps])


OURS = (engine, separate_plans)

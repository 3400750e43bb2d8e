"""Steps over a full batch of 100 000 rows, in chunks that fit the cache and all at once."""

from unittest.mock import patch

import numpy as np

from benchmarks.harness.timing import Run, repeated
from model.network.execution import chunks
from model.network.execution.plan import Plan
from model.network.network import Network
from model.training.optimizers.registry import GradientDescent

ROWS, FEATURES, HIDDEN = 100_000, 9, 15
TITLE = f"{FEATURES}-{HIDDEN}-1, {ROWS:,} rows, full batch, float64: ms per step"


def plan() -> Plan:
    """Compile and load the plan of the batch."""
    generator = np.random.default_rng(0)
    network = Network([{"units": HIDDEN, "activation": "relu"}, {"units": 1}], FEATURES)
    made = network.compile(network.initial_parameters(generator), ROWS)
    x = generator.uniform(size=(ROWS, FEATURES))
    made.load(x, network.loss.encode(x.mean(axis=1) > 0.5, 1, "float64"))
    return made


def run_of(made: Plan) -> Run:
    """Return the steps of a plan, with the optimizer's update."""
    update = list(GradientDescent(0.01).bind(made.theta, made.gradient))

    def step() -> None:
        made.step()
        for call in update:
            call()

    return repeated(step)


def engine() -> Run:
    """The plan as it is."""
    return run_of(plan())


def at_once() -> Run:
    """The plan with all rows in one chunk."""
    with patch.object(chunks, "CHUNK_NUMBERS", ROWS * HIDDEN):
        return run_of(plan())


OURS = (engine, at_once)

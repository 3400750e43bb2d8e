"""The training loop: full-batch steps, and a history of the loss."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from model.arrays import Array
from model.errors import TrainingError
from model.network.sequential import Sequential
from model.training.optimizers import GradientDescent

Report = Callable[[int, float, float], None]


@dataclass
class History:
    """Losses at the iterations reported, each before that iteration's update."""

    iterations: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)

    def add(self, iteration: int, train_loss: float, validation_loss: float) -> None:
        """Append one report."""
        self.iterations.append(iteration)
        self.train_loss.append(train_loss)
        self.validation_loss.append(validation_loss)


def minimize(
    network: Sequential,
    theta: Array,
    optimizer: GradientDescent,
    train: tuple[Array, Array],
    validation: tuple[Array, Array],
    iterations: int,
    report_every: int,
    report: Report,
) -> None:
    """Move θ in place, `iterations` times, down the loss over all training rows.

    train, validation: inputs (B, features) and targets (B, 1).
    report: called with (iteration, train loss, validation loss) at every `report_every`-th
    iteration before its update, and once after the last.
    Raises TrainingError when the loss is no longer a number.
    """
    plan = network.compile(theta, batch_size=len(train[0]))
    plan.load(*train)
    update = optimizer.bind(theta, plan.gradient)
    with np.errstate(over="ignore", invalid="ignore"):  # divergence shows in the loss
        for iteration in range(iterations + 1):
            plan.step()
            if iteration % report_every == 0 or iteration == iterations:
                loss = plan.loss()
                if not math.isfinite(loss):
                    rate = optimizer.learning_rate
                    raise TrainingError(
                        f"the loss is {loss} at iteration {iteration} with learning rate "
                        f"{rate:g}; try a smaller one"
                    )
                report(iteration, loss, network.loss_of(theta, *validation))
            if iteration < iterations:
                for call in update:
                    call()

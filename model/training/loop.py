"""The training loop: full-batch steps, and a history of the loss."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from model.arrays import Array, as_matrix
from model.errors import TrainingError
from model.network.network import Network
from model.training.optimizer import Optimizer

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
    network: Network,
    theta: Array,
    optimizer: Optimizer,
    train: tuple[Array, Array],
    validation: tuple[Array, Array],
    iterations: int,
    report_every: int,
    report: Report,
) -> None:
    """Move θ in place, `iterations` times, down the loss over all training rows.

    train, validation: inputs (B, features) and targets.
    report: called with (iteration, train loss, validation loss) at every `report_every`-th
    iteration before its update, and once after the last.
    Raises TrainingError at the step where the gradient is no longer a number; θ is then that of
    the last step where it was.
    """
    rows = as_matrix("rows", train[0], network.inputs, network.dtype)
    plan = network.compile(theta, batch_size=len(rows))
    plan.load(rows, network.loss.encode(train[1], network.outputs, network.dtype))
    update = optimizer.bind(theta, plan.gradient)
    last_good = theta.copy()
    with np.errstate(all="ignore"):  # divergence is said, not warned of
        for iteration in range(iterations + 1):
            plan.step()
            if not math.isfinite(np.dot(plan.gradient, plan.gradient)):
                theta[...] = last_good
                raise TrainingError(
                    f"the loss is no longer a number at iteration {iteration} with learning rate "
                    f"{optimizer.learning_rate}: try a smaller one"
                )
            if iteration % report_every == 0 or iteration == iterations:
                report(iteration, float(plan.loss()), float(network.loss_of(theta, *validation)))
            if iteration < iterations:
                np.copyto(last_good, theta)
                for call in update:
                    call()

"""A training that goes on later, with the same rows or others, as if it had never stopped."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from model.arrays import Array
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.checkpoint import State
from model.training.fitting.history import History
from model.training.fitting.interrupts import Interrupt

# `minimize` without its file: what a checkpoint keeps stays in memory here.
from model.training.fitting.loop import Run


@dataclass(frozen=True, eq=False)
class Progress:
    """A network as far as it is trained, and all that it takes to go on. `train` makes a new one.

    theta: the weights to predict with. epoch: how many are done; theta may be of an earlier one.
    loss: of training rows, with theta. rest: the state of the training, but for theta.
    """

    network: Network
    training: Training
    theta: Array
    epoch: int = 0
    loss: float | None = None
    history: History = field(default_factory=History)
    rest: State | None = None

    @classmethod
    def begin(cls, network: Network, training: Training) -> Self:
        """Before the first epoch: the training's own initial weights."""
        return cls(network, training, network.initial_parameters(training.initial_generator()))

    def train(self, rows: Rows, validation: Rows | None = None, *, epochs: int) -> Self:
        """Go on for so many epochs with these rows.

        One epoch after the other gives what all at once do, bit for bit, unless early stopping or
        a schedule looks at more than one. Ctrl-C interrupts as ever, as searches expect.

        Raises DivergedError where the loss is no longer a number, NetworkError for rows that do not
        fit.
        """
        training = replace(self.training, epochs=self.epoch + epochs)
        run = Run(self.network, self.theta, training, rows, validation)
        if self.rest is not None:
            copies = dict.fromkeys(("theta", "good", "best"), self.theta)
            run.restore(State({**copies, **self.rest.arrays}, self.rest.plain))
        with np.errstate(all="ignore"):  # divergence is an error
            run.run(None, None, Interrupt())
        outcome, state = run.outcome(), run.state()
        records = outcome.history.records  # the first is the last of those before
        # What θ̄ is the average of must be kept; any other θ is the one to predict with.
        left = {"good", "best"} if training.average is not None else {"good", "best", "theta"}
        return replace(
            self,
            theta=outcome.theta,
            epoch=records[-1].epoch,
            loss=next(each.train_loss for each in records if each.epoch == outcome.epoch),
            history=History([*self.history.records[:-1], *records]),
            rest=State(
                {key: each for key, each in state.arrays.items() if key not in left},
                {**state.plain, "records": state.plain["records"][-1:]},
            ),
        )

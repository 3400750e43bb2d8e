"""Progress: a training that can be continued later, with the same or other rows."""

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

# Used without `minimize`: the state of a checkpoint stays in memory here.
from model.training.fitting.loop import Run


@dataclass(frozen=True, eq=False)
class Progress:
    """A partly trained network with everything that is needed to continue.

    Attributes:
        network: The network.
        training: The description of the training; its epochs have no effect.
        theta: Parameters for predictions.
        epoch: Epochs so far; `theta` may be from an earlier one.
        loss: Training loss of `theta`, None before the first epoch.
        history: All records.
        state: The state of the training, without what `theta` already contains.
    """

    network: Network
    training: Training
    theta: Array
    epoch: int = 0
    loss: float | None = None
    history: History = field(default_factory=History)
    state: State | None = None

    @classmethod
    def begin(cls, network: Network, training: Training, members: int | None = None) -> Self:
        """Return the progress before the first epoch, with the training's initial weights.

        Args:
            network: The network.
            training: The description of the training.
            members: K, the number of members of an ensemble; None for a single network.
        """
        theta = network.initial_parameters(training.initial_generators(members))
        return cls(network, training, theta)

    def train(self, rows: Rows, validation: Rows | None = None, *, epochs: int) -> Self:
        """Train for some epochs and return the new progress.

        Several calls give the same result as one call with all epochs, bit for bit, unless early
        stopping or a schedule spans epochs. Ctrl-C raises KeyboardInterrupt at once, as parameter
        searches expect.

        Args:
            rows: The training rows.
            validation: The validation rows, or None.
            epochs: Epochs to train, at least 1.

        Raises:
            DivergedError: If the loss is no longer finite.
            NetworkError: If the rows do not fit the network.
        """
        training = replace(self.training, epochs=self.epoch + epochs)
        run = Run(self.network, self.theta, training, rows, validation)
        if self.state is not None:
            copies = dict.fromkeys(("theta", "good", "best"), self.theta)
            run.restore(State({**copies, **self.state.arrays}, self.state.plain))
        with np.errstate(all="ignore"):  # divergence raises an error
            run.run(None, None, Interrupt())
        result, state = run.result(), run.state()
        records = result.history.records  # the first one is the last record of the previous call
        # With a moving average, θ itself has to be kept; otherwise it is the one for predictions.
        omitted = {"good", "best"} if training.average is not None else {"good", "best", "theta"}
        return replace(
            self,
            theta=result.theta,
            epoch=records[-1].epoch,
            loss=next(record.train_loss for record in records if record.epoch == result.epoch),
            history=History([*self.history.records[:-1], *records]),
            state=State(
                {key: array for key, array in state.arrays.items() if key not in omitted},
                {**state.plain, "records": state.plain["records"][-1:]},
            ),
        )

"""The steps of a training: batches, gradients and updates, between two records."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from model.arrays import Array
from model.network.network import Network
from model.training.batches.batches import Batches
from model.training.batches.rows import EncodedRows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.fitting.checkpoint import State
from model.training.regularization.gradients import clip_by_norm, clip_by_value, penalize
from model.training.regularization.weights import Average, bound_norms
from model.training.schedules.schedule import Schedule

# Weights are copied for the case that the loss diverges: at every step for fewer than LARGE_SIZE
# weights, otherwise every SNAPSHOT_STEPS steps, since a copy at each would take 5 % of the time.
SNAPSHOT_STEPS, LARGE_SIZE = 16, 2**15

# Steps between two flushes of tiny numbers. Under a penalty, weights of dead units decay until they
# are subnormal, and a processor takes up to a hundred times as long for such numbers.
FLUSH_STEPS = 64

# Called with θ itself after every update. It may read or copy θ, but must not keep it.
Trace = Callable[[Array], object]


class Steps:
    """The steps of a training. `state` contains everything that a step changes.

    Args:
        network: The network.
        theta: Initial parameters, shape (P,), or (K, P) for K members; not changed.
        rows: The training rows.
        training: The description of the training.
        trace: Called with θ after every update.
        first_member: Number of θ's first member in the ensemble.

    Attributes:
        size: Rows of a step.
        count: Steps of an epoch.
        stride: Steps that `advance` should make at once.
        epoch: Complete epochs so far.
        batch: Steps so far in this epoch.
        number: Steps so far.
        squared_norms: Squared norm of the last gradient before penalties and clipping, shape () or
            (K,); None before the first step.

    Raises:
        NetworkError: If the rows do not fit the network.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        rows: EncodedRows | StoredRows,
        training: Training,
        trace: Trace | None = None,
        first_member: int = 0,
    ) -> None:
        self._theta = theta.copy()
        self._good = theta.copy()  # weights of a recent step with a finite loss
        self._batches = Batches(network, self._theta, rows, training, first_member)
        self.size, self.count, self.stride = self._batches.size, self._batches.count, 1
        self.epoch = self.batch = self.number = 0
        self.squared_norms: Array | None = None
        self._order = np.arange(0)
        # The calls after a gradient: penalties, clipping, update, bounds, average.
        rates, gradient = training.layer_rates, self._batches.gradient
        mask = network.layout.weights_mask()
        self._update = training.optimizer.bind(
            self._theta,
            gradient,
            multipliers=None if rates is None else network.per_parameter(rates),
            decay=mask,
        )
        self._calls = penalize(self._theta, gradient, mask, training.l1, training.l2)
        if training.clip_value is not None:
            self._calls += clip_by_value(gradient, training.clip_value)
        if training.clip_norm is not None:
            self._calls += clip_by_norm(gradient, training.clip_norm)
        self._calls += self._update.calls
        if training.max_norm is not None:
            self._calls += bound_norms(self._theta, network.layout, training.max_norm)
        if network.bounds is not None:
            self._calls.append(partial(network.bounds.project, self._theta))
        self._average: Average | None = None
        if training.average is not None:
            self._average = Average(self._theta, training.average)
            self._calls.append(self._average)
        self._decaying = [self._theta, *filter(np.ndim, self._update.state.values())]
        if self._average is not None:
            self._decaying.append(self._average.theta)
        if trace is not None:
            self._calls.append(partial(trace, self._theta))
        self._schedule: Schedule | None = None
        self._base_rates = training.rates
        if isinstance(training.schedule, Schedule):
            self._schedule = training.schedule.with_length(training.epochs * self.count)

    @property
    def rates(self) -> Array:
        """The learning rate, shape () or (K, 1)."""
        rate: Array = self._update.rate
        return rate

    def set_rates(self, rates: Sequence[float]) -> None:
        """Set the learning rate, or one for each member, until a schedule changes it."""
        rate = self._update.rate
        if rate.ndim:
            rate[:, 0] = rates
        else:
            rate.fill(rates[0])

    def advance(self, steps: int) -> int:
        """Make some steps.

        Args:
            steps: Number of steps, within the current epoch or across several.

        Returns:
            The number of steps made: fewer if the gradient is no longer finite. `number` counts
            these only.
        """
        for made in range(steps):
            if not self._step():
                return made
        return steps

    def evaluated_theta(self) -> Array:
        """Return the weights that records evaluate: the moving average if there is one."""
        return self._theta if self._average is None else self._average.theta

    def good_theta(self) -> Array:
        """Return the weights of a recent step with a finite loss."""
        return self._good

    def close(self) -> None:
        """Release nothing: the steps are in this process."""

    def state(self) -> State:
        """Return everything that is needed to resume. The arrays are views, not copies."""
        arrays = {"theta": self._theta, "good": self._good}
        arrays |= {f"optimizer.{key}": array for key, array in self._update.state.items()}
        if self._average is not None:
            arrays |= {"average": self._average.theta, "averaged": self._average.updates}
        norms = self.squared_norms
        plain = {
            "place": [self.epoch, self.number, self.batch],
            "squared_norms": None if norms is None else norms.tolist(),
            "noise": [each.bit_generator.state for each in self._batches.generators],
        }
        return State(arrays, plain)

    def restore(self, state: State) -> None:
        """Restore a state of these steps.

        Args:
            state: The state; it may contain more.
        """
        for key, array in self.state().arrays.items():
            array[...] = state.arrays[key]
        plain: Any = state.plain
        self.epoch, self.number, self.batch = plain["place"]
        norms = plain["squared_norms"]
        self.squared_norms = None if norms is None else np.array(norms, self._theta.dtype)
        for generator, noise in zip(self._batches.generators, plain["noise"], strict=True):
            generator.bit_generator.state = noise
        self._order = self._batches.order(self.epoch)

    def _step(self) -> bool:
        """Make a step; return False, without an update, if the gradient is not finite."""
        if self.batch == 0:
            self._order = self._batches.order(self.epoch)
        if self._schedule is not None:
            schedule, number = self._schedule, self.number
            self.set_rates([schedule.rate(number, base) for base in self._base_rates])
            momentum = schedule.momentum(number)
            if momentum is not None and self._update.momentum is not None:
                self._update.momentum.fill(momentum)
        self._batches.step(self._order, self.batch)
        gradient = self._batches.gradient
        # Each member has its own, so that the sum does not depend on how members are grouped.
        if gradient.ndim == 1:
            self.squared_norms = gradient.dot(gradient)  # half the time of vecdot
            is_finite = math.isfinite(self.squared_norms)
        else:
            self.squared_norms = np.vecdot(gradient, gradient)
            is_finite = math.isfinite(sum(self.squared_norms.tolist()))
        if not is_finite:
            return False
        if self._theta.size < LARGE_SIZE or self.number % SNAPSHOT_STEPS == 0:
            np.copyto(self._good, self._theta)
        for call in self._calls:
            call()
        self.number += 1
        if self.number % FLUSH_STEPS == 0:
            for array in self._decaying:
                _flush(array)
        self.batch += 1
        if self.batch == self.count:
            self.epoch, self.batch = self.epoch + 1, 0
        return True


def _flush(array: Array) -> None:
    """Set numbers to 0 that are so small that products with them may be subnormal."""
    limits = np.finfo(array.dtype)
    array[np.abs(array) < limits.tiny / limits.eps] = 0

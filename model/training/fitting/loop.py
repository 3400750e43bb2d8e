"""The training loop: epochs of steps, records, and a state that can be saved and resumed."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from model.arrays import Array, digest
from model.errors import TrainingError
from model.network.network import Network
from model.training.batches.batches import Batches
from model.training.batches.rows import EncodedRows, Rows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.fitting import checkpoint as checkpoints
from model.training.fitting.checkpoint import Checkpoint, Clock, State
from model.training.fitting.evaluator import EVALUATED_ROWS, Evaluator
from model.training.fitting.history import History, Record
from model.training.fitting.interrupts import Interrupt, deferred_interrupt
from model.training.regularization.early_stopping import EarlyStoppingState
from model.training.regularization.gradients import clip_by_norm, clip_by_value, penalize
from model.training.regularization.weights import Average, bound_norms
from model.training.schedules.plateau import PlateauState, ReduceOnPlateau
from model.training.schedules.schedule import Schedule

# Weights are copied for the case that the loss diverges: at every step for fewer than LARGE_SIZE
# weights, otherwise every SNAPSHOT_STEPS steps, since a copy at each would take 5 % of the time.
SNAPSHOT_STEPS, LARGE_SIZE = 16, 2**15

# Called with θ itself after every update. It may read or copy θ, but must not keep it.
Trace = Callable[[Array], object]

# Called after every step with the epochs so far, as a fraction, and the last record. If it returns
# True, the training ends.
ProgressCallback = Callable[[float, Record], bool | None]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """The result of a training.

    Attributes:
        theta: Parameters of the best record if the training has early stopping or was interrupted,
            otherwise those after the last step; the moving average if there is one.
        epoch: The epoch after which `theta` was reached.
        history: All records.
        interrupted: Whether Ctrl-C or the progress callback ended the training.
    """

    theta: Array
    epoch: int
    history: History
    interrupted: bool = False


class DivergedError(TrainingError):
    """The loss is no longer finite.

    Args:
        message: The error text.
        theta: The last weights with a finite loss; for 32 768 weights or more, they may be up to
            16 steps old.
        history: The records so far.
    """

    def __init__(self, message: str, theta: Array, history: History) -> None:
        super().__init__(message)
        self.theta, self.history = theta, history


def minimize(
    network: Network,
    theta: Array,
    training: Training,
    rows: Rows | StoredRows,
    validation: Rows | None = None,
    *,
    watch: ProgressCallback | None = None,
    trace: Trace | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainingResult:
    """Train a network from given weights.

    The first Ctrl-C ends the training after the current step.

    Args:
        network: The network.
        theta: Initial parameters, shape (P,), or (K, P) for K members; not changed.
        training: The description of the training.
        rows: The training rows.
        validation: The validation rows, or None.
        watch: Called after every step with the epochs so far and the last record; True ends the
            training.
        trace: Called with θ after every update.
        checkpoint: Where to save the state. If the file holds a state of this training, the
            training resumes from it.

    Raises:
        DivergedError: If the loss is no longer finite.
        NetworkError: If the rows do not fit the network.
        TrainingError: If the checkpoint is damaged or of another training.
        DataError: If stored rows cannot be read.
    """
    run = Run(network, theta, training, rows, validation, trace)
    if checkpoint is not None:
        state = checkpoints.read(checkpoint.path, run.identity, run.state().arrays)
        if state is not None:
            run.restore(state)
    with np.errstate(all="ignore"), deferred_interrupt() as interrupt:  # divergence is an error
        run.run(watch, checkpoint, interrupt)
    return run.result()


class Run:
    """A training in progress. `state` contains everything that a step or a record changes.

    Args:
        network: The network.
        theta: Initial parameters, shape (P,), or (K, P) for K members; not changed.
        training: The description of the training.
        rows: The training rows.
        validation: The validation rows, or None.
        trace: Called with θ after every update.

    Raises:
        TrainingError: If early stopping has no validation rows.
        NetworkError: If the rows do not fit the network.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        training: Training,
        rows: Rows | StoredRows,
        validation: Rows | None,
        trace: Trace | None = None,
    ) -> None:
        if training.early_stopping is not None and validation is None:
            raise TrainingError("training.early_stopping needs validation rows")
        self._network, self._initial, self._training = network, theta, training
        self._theta = theta.copy()
        # Weights of a recent step with a finite loss, and of the best record.
        self._good, self._best = theta.copy(), theta.copy()
        members = len(theta) if theta.ndim > 1 else None
        held = rows.sample(EVALUATED_ROWS, 0) if isinstance(rows, StoredRows) else rows
        encoded = EncodedRows(network, held, members)
        trained_on = rows if isinstance(rows, StoredRows) else encoded
        self._batches = Batches(network, self._theta, trained_on, training)
        self._train = Evaluator(network, encoded, EVALUATED_ROWS)
        self._validation: Evaluator | None = None
        if validation is not None:
            self._validation = Evaluator(network, EncodedRows(network, validation, members))
        self._history = History()
        self._epoch = self._step = 0
        self._batch = 0  # batches so far in this epoch
        self._squared_norm: float | None = None
        self._plateau, self._stopping = PlateauState(), EarlyStoppingState()
        self._lowest = math.inf
        self._interrupted = False
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
        self._average: Average | None = None
        if training.average is not None:
            self._average = Average(self._theta, training.average)
            self._calls.append(self._average)
        if trace is not None:
            self._calls.append(partial(trace, self._theta))
        self._schedule: Schedule | None = None
        if isinstance(training.schedule, Schedule):
            self._schedule = training.schedule.with_length(training.epochs * self._batches.count)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Plain data that only a checkpoint of this training has."""
        return {
            "network": self._network.describe(),
            "training": self._training.describe(),
            "initial weights": digest(self._initial),
            "training rows": self._batches.digest(),
            "rows a step": self._batches.size,
            "validation rows": self._validation and self._validation.digest(),
        }

    def run(
        self, watch: ProgressCallback | None, checkpoint: Checkpoint | None, interrupt: Interrupt
    ) -> None:
        """Train until the last epoch, early stopping or an interrupt.

        Args:
            watch: Called after every step; True ends the training.
            checkpoint: Where to save the state, or None.
            interrupt: Ends the training after the current step when it becomes true.
        """
        training, batches = self._training, self._batches
        clock = None if checkpoint is None else Clock(checkpoint.every_seconds)
        if not self._history.records:
            self._record()
        while self._epoch < training.epochs and not self._should_stop():
            order = batches.order(self._epoch)
            while self._batch < batches.count:
                self._make_step(order)
                epochs = self._epoch + self._batch / batches.count
                ends = watch is not None and watch(epochs, self._history.records[-1])
                ends = ends or interrupt.pressed  # Ctrl-C during `watch` counts too
                if checkpoint is not None and clock is not None and (clock.is_due() or ends):
                    checkpoints.write(checkpoint.path, self.identity, self.state())
                if ends:
                    self._interrupted = True
                    self._record()
                    return
            self._epoch, self._batch = self._epoch + 1, 0
            if self._epoch % training.report_every == 0 or self._epoch == training.epochs:
                self._record()

    def result(self) -> TrainingResult:
        """Return the weights to keep, with the history."""
        history = self._history
        if self._interrupted or self._training.early_stopping is not None:
            return TrainingResult(self._best, history.best.epoch, history, self._interrupted)
        return TrainingResult(self._evaluated_theta().copy(), self._epoch, history)

    def state(self) -> State:
        """Return everything that is needed to resume. The arrays are views, not copies."""
        arrays = {"theta": self._theta, "good": self._good, "best": self._best}
        arrays |= {f"optimizer.{key}": array for key, array in self._update.state.items()}
        if self._average is not None:
            arrays |= {"average": self._average.theta, "averaged": self._average.updates}
        plain = {
            "place": [self._epoch, self._step, self._batch],
            "squared_norm": self._squared_norm,
            "plateau": list(self._plateau),
            "noise": self._batches.noise.bit_generator.state,
            "records": [asdict(record) for record in self._history.records],
        }
        return State(arrays, plain)

    def restore(self, state: State) -> None:
        """Restore a state of this training."""
        for key, array in self.state().arrays.items():
            array[...] = state.arrays[key]
        plain = state.plain
        self._epoch, self._step, self._batch = plain["place"]
        self._squared_norm = plain["squared_norm"]
        self._plateau = PlateauState(*plain["plateau"])
        self._batches.noise.bit_generator.state = plain["noise"]
        records = [Record(**record) for record in plain["records"]]
        self._history.records[:] = records
        losses = [record.monitored for record in records]
        self._lowest = min(losses)
        if self._training.early_stopping is not None:
            self._stopping = self._training.early_stopping.state_after(losses)

    def _make_step(self, order: Array) -> None:
        if self._schedule is not None:
            schedule, step = self._schedule, self._step
            self._set_rates([schedule.rate(step, base) for base in self._training.rates])
            momentum = schedule.momentum(step)
            if momentum is not None and self._update.momentum is not None:
                self._update.momentum.fill(momentum)
        self._batches.step(order, self._batch)
        gradient = self._batches.gradient
        self._squared_norm = float(np.vdot(gradient, gradient))
        if not math.isfinite(self._squared_norm):
            raise self._diverged()
        if self._theta.size < LARGE_SIZE or self._step % SNAPSHOT_STEPS == 0:
            np.copyto(self._good, self._theta)
        for call in self._calls:
            call()
        self._step, self._batch = self._step + 1, self._batch + 1

    def _record(self) -> None:
        theta, validation_loss = self._evaluated_theta(), None
        has_validation = self._validation is not None
        train_loss, metrics = self._train.evaluate(theta, loss_only=has_validation)
        if self._validation is not None:
            validation_loss, metrics = self._validation.evaluate(theta)
        if not math.isfinite(train_loss + (validation_loss or 0)):
            raise self._diverged()
        rate, norm = float(self._update.rate.mean()), self._squared_norm
        record = Record(
            # An interrupt after the last batch leaves the epoch complete but not yet counted.
            epoch=self._epoch + self._batch // self._batches.count,
            step=self._step,
            train_loss=train_loss,
            validation_loss=validation_loss,
            metrics=metrics,
            rate=rate,
            gradient_norm=None if norm is None else math.sqrt(norm),
        )
        self._history.records.append(record)
        if record.monitored < self._lowest:
            self._lowest = record.monitored
            np.copyto(self._best, theta)
        if self._training.early_stopping is not None:
            early_stopping = self._training.early_stopping
            self._stopping = early_stopping.observe(self._stopping, record.monitored)
        schedule = self._training.schedule
        if isinstance(schedule, ReduceOnPlateau):
            self._plateau = schedule.observe(self._plateau, record.monitored)
            self._set_rates([schedule.rate(self._plateau, base) for base in self._training.rates])

    def _set_rates(self, rates: list[float]) -> None:
        rate = self._update.rate
        if rate.ndim:
            rate[:, 0] = rates
        else:
            rate.fill(rates[0])

    def _evaluated_theta(self) -> Array:
        """Return the weights that records evaluate: the moving average if there is one."""
        return self._theta if self._average is None else self._average.theta

    def _should_stop(self) -> bool:
        early_stopping = self._training.early_stopping
        return early_stopping is not None and early_stopping.should_stop(self._stopping)

    def _diverged(self) -> DivergedError:
        rate = f"{float(self._update.rate.max()):g}"
        return DivergedError(
            f"the loss is no longer a number at step {self._step}, epoch {self._epoch}, with "
            f"learning rate {rate}: try a smaller one (python -m model lr-find suggests one)",
            self._good,
            self._history,
        )

"""The training loop: epochs of steps, a record now and then, and a state that can be resumed."""

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
from model.training.batches.rows import Rows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.fitting import checkpoint as checkpoints
from model.training.fitting.checkpoint import Checkpoint, Clock, State
from model.training.fitting.evaluator import EVALUATED_ROWS, Evaluation
from model.training.fitting.history import History, Record
from model.training.fitting.interrupts import Interrupt, deferred_interrupt
from model.training.regularization.clipping import clip_by_norm, clip_by_value
from model.training.regularization.early_stopping import EarlyStoppingState
from model.training.regularization.penalties import Average, bound_norms, penalize
from model.training.schedules.plateau import PlateauState, ReduceOnPlateau
from model.training.schedules.schedule import Schedule

# Steps from one copy of the weights to the next, for a loss that diverges. Of many weights, a copy
# at each step would take 5 % of the time.
SNAPSHOT_STEPS, MANY = 16, 2**15

# Called with θ itself after every update: to be read, or copied, but not kept.
Trace = Callable[[Array], object]

# Called with the epochs done, as a fraction too, and the last record; True ends the training.
ProgressCallback = Callable[[float, Record], bool | None]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What came of a training.

    theta: of the best record where it stops early or was interrupted, else of the last step; the
    running average, where there is one. epoch: what theta is the state after.
    """

    theta: Array
    epoch: int
    history: History
    interrupted: bool = False


class DivergedError(TrainingError):
    """A loss that is no number any more.

    theta: the last weights for which it was one; of many weights, some at most 16 steps old.
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
    """Train from θ, which stays as it is, and say what came of it.

    watch, trace: called after every step. checkpoint: where the state is kept; if there is one of
    this very training, it goes on from there. One Ctrl-C ends it after the step at hand.

    Raises DivergedError at the step where the loss is no longer a number, NetworkError for rows
    that do not fit, TrainingError for another training's checkpoint; DataError where stored rows
    cannot be read.
    """
    run = Run(network, theta, training, rows, validation, trace)
    if checkpoint is not None:
        state = checkpoints.read(checkpoint.path, run.identity, run.state().arrays)
        if state is not None:
            run.restore(state)
    with np.errstate(all="ignore"), deferred_interrupt() as interrupt:  # divergence is an error
        run.run(watch, checkpoint, interrupt)
    return run.outcome()


class Run:
    """A training under way. `state` is all that a step or a record changes."""

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
        self._good, self._best = theta.copy(), theta.copy()  # of late; of the best record
        self._batches = Batches(network, self._theta, rows, training)
        self._train = Evaluation(network, rows, EVALUATED_ROWS)
        self._validation = None if validation is None else Evaluation(network, validation)
        self._history = History()
        self._epoch = self._step = self._number = 0  # _number: batches done of this epoch
        self._squared_norm: float | None = None
        self._plateau, self._stopping, self._lowest = PlateauState(), EarlyStoppingState(), math.inf
        self._interrupted = False
        self._bind()
        if trace is not None:
            self._calls.append(partial(trace, self._theta))

    def _bind(self) -> None:
        """The calls from a gradient to the next weights: penalties, clipping, update, bounds."""
        training, theta, gradient = self._training, self._theta, self._batches.gradient
        network, layout, rates = self._network, self._network.layout, training.layer_rates
        self._update = training.optimizer.bind(
            theta,
            gradient,
            multipliers=None if rates is None else network.per_parameter(rates),
            decay=layout.weights_mask(),
        )
        self._calls = penalize(theta, gradient, layout, training.l1, training.l2)
        if training.clip_value is not None:
            self._calls += clip_by_value(gradient, training.clip_value)
        if training.clip_norm is not None:
            self._calls += clip_by_norm(gradient, training.clip_norm)
        self._calls += self._update.calls
        if training.max_norm is not None:
            self._calls += bound_norms(theta, layout, training.max_norm)
        self._average = None if training.average is None else Average(theta, training.average)
        if self._average is not None:
            self._calls.append(self._average)
        self._schedule: Schedule | None = None
        if isinstance(training.schedule, Schedule):
            self._schedule = training.schedule.with_length(training.epochs * self._batches.count)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint of this very training has, and no other's."""
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
        """Train to the end, or until something ends it."""
        training, batches = self._training, self._batches
        clock = None if checkpoint is None else Clock(checkpoint.every_seconds)
        if not self._history.records:
            self._record()
        while self._epoch < training.epochs and not self._is_over():
            order = batches.order(self._epoch)
            while self._number < batches.count:
                self._make_step(order)
                done = self._epoch + self._number / batches.count
                ends = watch is not None and watch(done, self._history.records[-1])
                ends = ends or interrupt.pressed  # also while watching
                if checkpoint is not None and clock is not None and (clock.is_due() or ends):
                    checkpoints.write(checkpoint.path, self.identity, self.state())
                if ends:
                    self._interrupted = True
                    self._record()
                    return
            self._epoch, self._number = self._epoch + 1, 0
            if self._epoch % training.report_every == 0 or self._epoch == training.epochs:
                self._record()

    def outcome(self) -> TrainingResult:
        """The weights to keep, and how they came about."""
        history = self._history
        if self._interrupted or self._training.early_stopping is not None:
            return TrainingResult(self._best, history.best.epoch, history, self._interrupted)
        return TrainingResult(self._evaluated().copy(), self._epoch, history)

    def state(self) -> State:
        """All that must be kept to go on as if nothing had happened."""
        arrays = {"theta": self._theta, "good": self._good, "best": self._best}
        arrays |= {f"optimizer.{key}": each for key, each in self._update.state.items()}
        if self._average is not None:
            arrays |= {"average": self._average.theta, "averaged": self._average.updates}
        plain = {
            "place": [self._epoch, self._step, self._number],
            "squared_norm": self._squared_norm,
            "plateau": list(self._plateau),
            "noise": self._batches.noise.bit_generator.state,
            "records": [asdict(record) for record in self._history.records],
        }
        return State(arrays, plain)

    def restore(self, state: State) -> None:
        """Go back to a state of this very training."""
        for key, array in self.state().arrays.items():
            array[...] = state.arrays[key]
        plain = state.plain
        self._epoch, self._step, self._number = plain["place"]
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
        self._batches.step(order, self._number)
        gradient = self._batches.gradient
        self._squared_norm = float(np.vdot(gradient, gradient))
        if not math.isfinite(self._squared_norm):
            raise self._diverged()
        if self._theta.size < MANY or self._step % SNAPSHOT_STEPS == 0:
            np.copyto(self._good, self._theta)
        for call in self._calls:
            call()
        self._step, self._number = self._step + 1, self._number + 1

    def _record(self) -> None:
        theta, validation_loss = self._evaluated(), None
        train_loss, metrics = self._train.of(theta, loss_only=self._validation is not None)
        if self._validation is not None:
            validation_loss, metrics = self._validation.of(theta)
        if not math.isfinite(train_loss + (validation_loss or 0)):
            raise self._diverged()
        rate, norm = float(self._update.rate.mean()), self._squared_norm
        record = Record(
            epoch=self._epoch + self._number // self._batches.count,  # interrupted at its end
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
            stopping = self._training.early_stopping
            self._stopping = stopping.observe(self._stopping, record.monitored)
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

    def _evaluated(self) -> Array:
        """The weights that records are of: the running average, where there is one."""
        return self._theta if self._average is None else self._average.theta

    def _is_over(self) -> bool:
        stopping = self._training.early_stopping
        return stopping is not None and stopping.should_stop(self._stopping)

    def _diverged(self) -> DivergedError:
        rate = f"{float(self._update.rate.max()):g}"
        return DivergedError(
            f"the loss is no longer a number at step {self._step}, epoch {self._epoch}, with "
            f"learning rate {rate}: try a smaller one (python -m model lr-find suggests one)",
            self._good,
            self._history,
        )

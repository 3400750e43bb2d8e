"""The training loop: epochs of steps, records, and a state that can be saved and resumed."""

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from model.arrays import Array, digest
from model.errors import TrainingError
from model.network.network import Network
from model.parallel.pool import Pool
from model.training.batches.rows import EncodedRows, Rows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.fitting import checkpoint as checkpoints
from model.training.fitting.checkpoint import Checkpoint, Clock, State
from model.training.fitting.evaluator import EVALUATED_ROWS, Evaluator, OutOfBagEvaluator
from model.training.fitting.history import History, Record
from model.training.fitting.interrupts import Interrupt, deferred_interrupt
from model.training.fitting.member_processes import MemberProcesses
from model.training.fitting.member_steps import MemberSteps
from model.training.fitting.member_tasks import MemberTasks
from model.training.fitting.steps import Steps, Trace
from model.training.regularization.early_stopping import OUT_OF_BAG, EarlyStoppingState
from model.training.schedules.plateau import PlateauState, ReduceOnPlateau

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

    @property
    def kept(self) -> Record:
        """The record of the epoch after which `theta` was reached."""
        return next(each for each in reversed(self.history.records) if each.epoch == self.epoch)


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

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[str, Array, History]]:
        """Pickle all arguments, so that another process can raise it."""
        return type(self), (str(self), self.theta, self.history)


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
    jobs: int = 1,
    pool: Pool | None = None,
) -> TrainingResult:
    """Train a network from given weights.

    The first Ctrl-C ends the training after the current step, with several processes within 0.2 s,
    on a cluster within 1 s.

    Args:
        network: The network.
        theta: Initial parameters, shape (P,), or (K, P) for K members; not changed.
        training: The description of the training.
        rows: The training rows.
        validation: The validation rows, or None.
        watch: Called after every step with the epochs so far and the last record; True ends the
            training. With several processes it is called every 0.2 s, on a cluster every second.
        trace: Called with θ after every update; the members are then in one process.
        checkpoint: Where to save the state. If the file holds a state of this training, the
            training resumes from it.
        jobs: Number of processes for the members; the result does not depend on it.
        pool: A cluster's workers, which train the members of an ensemble instead.

    Raises:
        DivergedError: If the loss is no longer finite.
        NetworkError: If the rows do not fit the network.
        TrainingError: If the checkpoint is damaged or of another training.
        DataError: If stored rows cannot be read.
    """
    with closing(Run(network, theta, training, rows, validation, trace, jobs, pool)) as run:
        if checkpoint is not None:
            state = checkpoints.read(checkpoint.path, run.identity, run.state().arrays)
            if state is not None:
                run.restore(state)
        with np.errstate(all="ignore"), deferred_interrupt() as interrupt:  # divergence raises
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
        trace: Called with θ after every update; the members are then in this process.
        jobs: Number of processes for the members.
        pool: A cluster's workers for the members, or None.

    Raises:
        TrainingError: If early stopping has no validation rows, or no out-of-bag rows.
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
        jobs: int = 1,
        pool: Pool | None = None,
    ) -> None:
        stopping = training.early_stopping
        is_out_of_bag = stopping is not None and stopping.rows == OUT_OF_BAG
        if stopping is not None and not is_out_of_bag and validation is None:
            raise TrainingError("training.early_stopping needs validation rows")
        self._network, self._initial, self._training = network, theta, training
        self._best = theta.copy()  # weights of the best record
        members = len(theta) if theta.ndim > 1 else None
        held = rows.sample(EVALUATED_ROWS, 0) if isinstance(rows, StoredRows) else rows
        encoded = EncodedRows(network, held, members)
        self._rows = rows if isinstance(rows, StoredRows) else encoded
        self._train = (
            OutOfBagEvaluator(network, encoded)
            if is_out_of_bag
            else Evaluator(network, encoded, EVALUATED_ROWS)
        )
        self._validation: Evaluator | None = None
        if validation is not None:
            self._validation = Evaluator(network, EncodedRows(network, validation, members))
        self._history = History()
        self._plateau, self._stopping = PlateauState(), EarlyStoppingState()
        self._lowest = math.inf
        self._interrupted = False
        jobs = min(jobs, members or 1)
        self._steps: Steps | MemberSteps
        if pool is not None and members is not None and trace is None:
            self._steps = MemberTasks(network, theta, self._rows, training, pool)
        elif jobs == 1 or trace is not None:
            self._steps = Steps(network, theta, self._rows, training, trace)
        else:
            self._steps = MemberProcesses(network, theta, self._rows, training, jobs)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Plain data that only a checkpoint of this training has."""
        return {
            "network": self._network.describe(),
            "training": self._training.describe(),
            "initial weights": digest(self._initial),
            "training rows": self._rows.digest(),
            "rows a step": self._steps.size,
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
        training, steps = self._training, self._steps
        clock = None if checkpoint is None else Clock(checkpoint.every_seconds)
        while True:
            if self._record_is_due():
                self._record()
            if steps.epoch >= training.epochs or self._should_stop():
                return
            report = training.report_every - steps.epoch % training.report_every
            epochs = min(report, training.epochs - steps.epoch)
            remaining = epochs * steps.count - steps.batch
            while remaining:
                wanted = min(steps.stride, remaining)
                if steps.advance(wanted) < wanted:
                    raise self._diverged()
                remaining -= wanted
                ends = False
                if watch is not None:
                    done = steps.epoch + steps.batch / steps.count
                    ends = bool(watch(done, self._history.records[-1]))
                ends = ends or interrupt.pressed  # Ctrl-C during `watch` counts too
                if checkpoint is not None and clock is not None and (clock.is_due() or ends):
                    checkpoints.write(checkpoint.path, self.identity, self.state())
                if ends:
                    self._interrupted = True
                    self._record()
                    return

    def result(self) -> TrainingResult:
        """Return the weights to keep, with the history."""
        history, steps = self._history, self._steps
        if self._interrupted or self._training.early_stopping is not None:
            return TrainingResult(self._best, history.best.epoch, history, self._interrupted)
        return TrainingResult(steps.evaluated_theta().copy(), steps.epoch, history)

    def state(self) -> State:
        """Return everything that is needed to resume. The arrays are views, not copies."""
        steps = self._steps.state()
        plain = {
            "plateau": list(self._plateau),
            "records": [asdict(record) for record in self._history.records],
        }
        return State({**steps.arrays, "best": self._best}, {**steps.plain, **plain})

    def restore(self, state: State) -> None:
        """Restore a state of this training."""
        self._steps.restore(state)
        self._best[...] = state.arrays["best"]
        plain = state.plain
        self._plateau = PlateauState(*plain["plateau"])
        records = [Record(**record) for record in plain["records"]]
        self._history.records[:] = records
        losses = [record.monitored for record in records]
        self._lowest = min(losses)
        if self._training.early_stopping is not None:
            self._stopping = self._training.early_stopping.state_after(losses)

    def close(self) -> None:
        """End the processes of the members, if there are any."""
        self._steps.close()

    def _record_is_due(self) -> bool:
        """Return whether the weights are to be recorded and are not yet."""
        steps, records = self._steps, self._history.records
        if not records:
            return True
        ends_epoch = steps.batch == 0 and (
            steps.epoch % self._training.report_every == 0 or steps.epoch == self._training.epochs
        )
        return ends_epoch and records[-1].step < steps.number

    def _record(self) -> None:
        theta = self._steps.evaluated_theta()
        out_of_bag_loss = validation_loss = None
        has_validation = self._validation is not None
        if isinstance(self._train, OutOfBagEvaluator):
            train_loss, out_of_bag_loss, metrics = self._train.evaluate_both(theta)
        else:
            train_loss, metrics = self._train.evaluate(theta, loss_only=has_validation)
        if self._validation is not None:
            validation_loss, metrics = self._validation.evaluate(theta)
        if not math.isfinite(train_loss + (validation_loss or 0) + (out_of_bag_loss or 0)):
            raise self._diverged()
        rate, norms = float(self._steps.rates.mean()), self._steps.squared_norms
        record = Record(
            epoch=self._steps.epoch,
            step=self._steps.number,
            train_loss=train_loss,
            validation_loss=validation_loss,
            metrics=metrics,
            rate=rate,
            gradient_norm=None if norms is None else math.sqrt(norms.sum()),
            out_of_bag_loss=out_of_bag_loss,
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
            rates = [schedule.rate(self._plateau, base) for base in self._training.rates]
            self._steps.set_rates(rates)

    def _should_stop(self) -> bool:
        early_stopping = self._training.early_stopping
        return early_stopping is not None and early_stopping.should_stop(self._stopping)

    def _diverged(self) -> DivergedError:
        steps = self._steps
        rate = f"{float(steps.rates.max()):g}"
        return DivergedError(
            f"the loss is no longer a number at step {steps.number}, epoch {steps.epoch}, with "
            f"learning rate {rate}: try a smaller one (python -m model lr-find suggests one)",
            steps.good_theta(),
            self._history,
        )

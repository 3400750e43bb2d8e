"""Ctrl-C between two steps: what it ends, what it leaves behind, and whom it is none of."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.checkpoint import Checkpoint
from model.training.fitting.history import Record
from model.training.fitting.interrupts import deferred_interrupt
from model.training.fitting.loop import ProgressCallback, TrainingResult, minimize

EPOCHS, BATCHES = 4, 3


@pytest.fixture(autouse=True)
def _python_s_own_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def handler() -> object:
    return signal.getsignal(signal.SIGINT)


# The context


def test_the_first_sets_a_flag_and_the_second_interrupts() -> None:
    with deferred_interrupt() as interrupt:
        assert (bool(interrupt), interrupt.pressed) == (False, False)
        press()
        assert (bool(interrupt), interrupt.pressed) == (True, True)
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interrupt
    assert handler() is signal.default_int_handler


def test_after_it_ctrl_c_is_what_it_was() -> None:
    with deferred_interrupt():
        assert handler() is not signal.default_int_handler
    assert handler() is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        press()
    for _ in range(2):
        with deferred_interrupt() as interrupt:
            assert not interrupt
            press()
            assert interrupt


@pytest.mark.parametrize("presses", [0, 1, 2])
def test_an_exception_leaves_the_handler_as_it_was(presses: int) -> None:
    def fail() -> None:
        with deferred_interrupt():
            for _ in range(presses):
                press()
            raise ZeroDivisionError

    with pytest.raises(KeyboardInterrupt if presses > 1 else ZeroDivisionError):
        fail()
    assert handler() is signal.default_int_handler


def test_within_another_the_inner_leaves_it_to_the_outer() -> None:
    with deferred_interrupt() as outer:
        with deferred_interrupt() as inner:
            press()
        assert (bool(outer), bool(inner)) == (True, False)
    assert handler() is signal.default_int_handler


def test_another_thread_changes_nothing() -> None:
    seen: list[object] = []

    def enter() -> None:
        with deferred_interrupt() as interrupt:
            seen.extend([handler(), bool(interrupt)])

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler, False]


def test_a_program_s_own_handler_stays() -> None:
    heard: list[int] = []

    def own(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        heard.append(number)

    for given_ in (own, signal.SIG_IGN):
        signal.signal(signal.SIGINT, given_)
        with deferred_interrupt() as interrupt:
            assert handler() is given_
            press()
            assert not interrupt
        assert handler() is given_
    assert heard == [signal.SIGINT]


# A training


def train(
    *, watch: ProgressCallback | None = None, path: Path | None = None, full: bool = False
) -> TrainingResult:
    """12 steps with noise; the validation loss falls, then rises."""
    generator = np.random.default_rng(0)
    network = Network([Dense(8, "tanh"), Dropout(0.2), Dense(1)], inputs=2)
    inputs = generator.standard_normal((40, 2))
    labels = inputs[:, 0] + generator.standard_normal(40) > 0
    how = Training(
        optimizer="adam",
        learning_rate=0.3,
        epochs=EPOCHS * BATCHES if full else EPOCHS,
        batch_size="full" if full else 8,
        augmentation=[{"name": "jitter", "standard_deviation": 0.1}],
    )
    return minimize(
        network,
        network.initial_parameters(np.random.default_rng(1)),
        how,
        Rows(inputs[:20], labels[:20]),
        Rows(inputs[20:], labels[20:]),
        watch=watch,
        checkpoint=None if path is None else Checkpoint(path, every_seconds=1000),
    )


def press_at(step: int, heard: list[float] | None = None) -> ProgressCallback:
    """Ctrl-C within the watch of this step."""
    steps = 0

    def watch(done: float, record: Record) -> None:  # noqa: ARG001
        nonlocal steps
        steps += 1
        if heard is not None:
            heard.append(done)
        if steps == step:
            press()

    return watch


def require_same(found: TrainingResult, expected: TrainingResult) -> None:
    assert found.theta.tobytes() == expected.theta.tobytes()
    assert found.history == expected.history
    assert (found.epoch, found.interrupted) == (expected.epoch, expected.interrupted)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("step", range(1, EPOCHS * BATCHES + 1))
def test_ctrl_c_ends_after_the_step_and_it_goes_on_from_there(
    tmp_path: Path, step: int, full: bool
) -> None:
    expected = train(full=full)
    path, heard = tmp_path / "state", list[float]()
    outcome = train(watch=press_at(step, heard), path=path, full=full)
    assert outcome.interrupted
    assert len(heard) == step
    last = outcome.history.records[-1]
    assert (last.step, last.epoch) == (step, step if full else step // BATCHES)
    assert (
        outcome.history.records[:-1] == expected.history.records[: len(outcome.history.records) - 1]
    )
    assert outcome.epoch == outcome.history.best.epoch
    assert path.exists()
    require_same(train(path=path, full=full), expected)
    assert handler() is signal.default_int_handler


def test_the_record_at_the_end_of_an_epoch_is_the_uninterrupted_one() -> None:
    expected = train().history.records
    for epoch in range(1, EPOCHS + 1):
        found = train(watch=press_at(epoch * BATCHES)).history.records
        assert found == expected[: epoch + 1]


@pytest.mark.parametrize("step", range(1, EPOCHS * BATCHES + 1))
def test_the_weights_are_those_of_the_best_record(step: int) -> None:
    outcome = train(watch=press_at(step))
    best = outcome.history.best
    assert best.validation_loss == min(outcome.history.column("validation_loss"))
    assert outcome.epoch == best.epoch
    then = train(watch=press_at(best.step))  # ends with this record
    assert then.history.records[-1] == best
    assert outcome.theta.tobytes() == then.theta.tobytes()


def test_some_end_before_and_some_after_the_best_record() -> None:
    best = {train(watch=press_at(step)).history.best.step == step for step in range(1, 13)}
    assert best == {True, False}


def test_ctrl_c_twice_ends_at_once_and_what_was_kept_stays(tmp_path: Path) -> None:
    path, expected = tmp_path / "state", train()
    train(watch=press_at(5), path=path)
    before = path.read_bytes()

    def twice(done: float, record: Record) -> None:  # noqa: ARG001
        press()
        press()

    with pytest.raises(KeyboardInterrupt):
        train(watch=twice, path=path)
    assert path.read_bytes() == before
    assert handler() is signal.default_int_handler
    require_same(train(path=path), expected)


def test_interrupted_again_and_again_it_is_the_same(tmp_path: Path) -> None:
    path, expected = tmp_path / "state", train()
    for _ in range(EPOCHS * BATCHES):
        assert train(watch=press_at(1), path=path).interrupted
    require_same(train(path=path), expected)


def test_a_watch_that_ends_it_leaves_a_checkpoint_too(tmp_path: Path) -> None:
    path, expected = tmp_path / "state", train()
    assert train(watch=lambda done, _: done > 1, path=path).interrupted
    require_same(train(path=path), expected)


def test_in_another_thread_a_training_trains() -> None:
    outcomes: list[TrainingResult] = []
    thread = threading.Thread(target=lambda: outcomes.append(train()))
    thread.start()
    thread.join()
    require_same(outcomes[0], train())


def test_a_program_s_own_handler_decides(tmp_path: Path) -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    require_same(train(watch=press_at(5), path=tmp_path / "state"), train())
    assert heard == [signal.SIGINT]

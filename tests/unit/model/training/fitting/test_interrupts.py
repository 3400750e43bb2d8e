"""Ctrl-C during a training: deferral to the end of a step, checkpoints, other handlers."""

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
def _default_handler() -> Iterator[None]:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def handler() -> object:
    return signal.getsignal(signal.SIGINT)


# deferred_interrupt


def test_first_ctrl_c_sets_a_flag_and_the_second_interrupts() -> None:
    with deferred_interrupt() as interrupt:
        assert (bool(interrupt), interrupt.pressed) == (False, False)
        press()
        assert (bool(interrupt), interrupt.pressed) == (True, True)
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interrupt
    assert handler() is signal.default_int_handler


def test_handler_is_restored_afterwards() -> None:
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
def test_handler_is_restored_after_an_exception(presses: int) -> None:
    def fail() -> None:
        with deferred_interrupt():
            for _ in range(presses):
                press()
            raise ZeroDivisionError

    with pytest.raises(KeyboardInterrupt if presses > 1 else ZeroDivisionError):
        fail()
    assert handler() is signal.default_int_handler


def test_nested_context_leaves_ctrl_c_to_the_outer_one() -> None:
    with deferred_interrupt() as outer:
        with deferred_interrupt() as inner:
            press()
        assert (bool(outer), bool(inner)) == (True, False)
    assert handler() is signal.default_int_handler


def test_context_has_no_effect_in_another_thread() -> None:
    seen: list[object] = []

    def enter() -> None:
        with deferred_interrupt() as interrupt:
            seen.extend([handler(), bool(interrupt)])

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler, False]


def test_custom_handler_is_kept() -> None:
    signals: list[int] = []

    def custom(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        signals.append(number)

    for handling in (custom, signal.SIG_IGN):
        signal.signal(signal.SIGINT, handling)
        with deferred_interrupt() as interrupt:
            assert handler() is handling
            press()
            assert not interrupt
        assert handler() is handling
    assert signals == [signal.SIGINT]


# Trainings


def train(
    *, watch: ProgressCallback | None = None, path: Path | None = None, full: bool = False
) -> TrainingResult:
    """Train for 12 steps with noise; the validation loss falls, then rises."""
    generator = np.random.default_rng(0)
    network = Network([Dense(8, "tanh"), Dropout(0.2), Dense(1)], inputs=2)
    inputs = generator.standard_normal((40, 2))
    labels = inputs[:, 0] + generator.standard_normal(40) > 0
    settings = Training(
        optimizer="adam",
        learning_rate=0.3,
        epochs=EPOCHS * BATCHES if full else EPOCHS,
        batch_size="full" if full else 8,
        augmentation=[{"name": "jitter", "standard_deviation": 0.1}],
    )
    return minimize(
        network,
        network.initial_parameters(np.random.default_rng(1)),
        settings,
        Rows(inputs[:20], labels[:20]),
        Rows(inputs[20:], labels[20:]),
        watch=watch,
        checkpoint=None if path is None else Checkpoint(path, every_seconds=1000),
    )


def press_at(step: int, epochs_seen: list[float] | None = None) -> ProgressCallback:
    """Return a callback that presses Ctrl-C after this step."""
    steps = 0

    def watch(done: float, record: Record) -> None:  # noqa: ARG001
        nonlocal steps
        steps += 1
        if epochs_seen is not None:
            epochs_seen.append(done)
        if steps == step:
            press()

    return watch


def require_same(found: TrainingResult, expected: TrainingResult) -> None:
    assert found.theta.tobytes() == expected.theta.tobytes()
    assert found.history == expected.history
    assert (found.epoch, found.interrupted) == (expected.epoch, expected.interrupted)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("step", range(1, EPOCHS * BATCHES + 1))
def test_ctrl_c_ends_after_the_step_and_training_resumes_there(
    tmp_path: Path, step: int, full: bool
) -> None:
    expected = train(full=full)
    path, epochs_seen = tmp_path / "state", list[float]()
    result = train(watch=press_at(step, epochs_seen), path=path, full=full)
    assert result.interrupted
    assert len(epochs_seen) == step
    last = result.history.records[-1]
    assert (last.step, last.epoch) == (step, step if full else step // BATCHES)
    assert (
        result.history.records[:-1] == expected.history.records[: len(result.history.records) - 1]
    )
    assert result.epoch == result.history.best.epoch
    assert path.exists()
    require_same(train(path=path, full=full), expected)
    assert handler() is signal.default_int_handler


def test_record_at_the_end_of_an_epoch_equals_the_uninterrupted_one() -> None:
    expected = train().history.records
    for epoch in range(1, EPOCHS + 1):
        found = train(watch=press_at(epoch * BATCHES)).history.records
        assert found == expected[: epoch + 1]


@pytest.mark.parametrize("step", range(1, EPOCHS * BATCHES + 1))
def test_weights_of_the_best_record_are_kept(step: int) -> None:
    result = train(watch=press_at(step))
    best = result.history.best
    assert best.validation_loss == min(result.history.column("validation_loss"))
    assert result.epoch == best.epoch
    shorter = train(watch=press_at(best.step))  # ends with this record
    assert shorter.history.records[-1] == best
    assert result.theta.tobytes() == shorter.theta.tobytes()


def test_interrupts_before_and_after_the_best_record_are_covered() -> None:
    best = {train(watch=press_at(step)).history.best.step == step for step in range(1, 13)}
    assert best == {True, False}


def test_second_ctrl_c_ends_at_once_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    path, expected = tmp_path / "state", train()
    train(watch=press_at(5), path=path)
    before = path.read_bytes()

    def press_twice(done: float, record: Record) -> None:  # noqa: ARG001
        press()
        press()

    with pytest.raises(KeyboardInterrupt):
        train(watch=press_twice, path=path)
    assert path.read_bytes() == before
    assert handler() is signal.default_int_handler
    require_same(train(path=path), expected)


def test_training_interrupted_at_every_step_has_the_same_result(tmp_path: Path) -> None:
    path, expected = tmp_path / "state", train()
    for _ in range(EPOCHS * BATCHES):
        assert train(watch=press_at(1), path=path).interrupted
    require_same(train(path=path), expected)


def test_progress_callback_that_ends_training_leaves_a_checkpoint(tmp_path: Path) -> None:
    path, expected = tmp_path / "state", train()
    assert train(watch=lambda done, _: done > 1, path=path).interrupted
    require_same(train(path=path), expected)


def test_training_works_in_another_thread() -> None:
    results: list[TrainingResult] = []
    thread = threading.Thread(target=lambda: results.append(train()))
    thread.start()
    thread.join()
    require_same(results[0], train())


def test_custom_handler_receives_ctrl_c_during_training(tmp_path: Path) -> None:
    signals: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: signals.append(number))
    require_same(train(watch=press_at(5), path=tmp_path / "state"), train())
    assert signals == [signal.SIGINT]

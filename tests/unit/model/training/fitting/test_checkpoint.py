"""Checkpoints: resuming bit for bit, those of other trainings, and failed writes."""

import errno
import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.arrays import Array
from model.errors import TrainingError
from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.checkpoint import Checkpoint
from model.training.fitting.history import Record
from model.training.fitting.loop import DivergedError, ProgressCallback, TrainingResult, minimize
from model.training.optimizers.registry import OPTIMIZERS

STEPS = 12  # 4 epochs of batches of 8, 8 and 4 rows


class Stopped(Exception):
    """Raised by the progress callback to stop a training."""


@dataclass(frozen=True, eq=False)
class Job:
    """The arguments of `minimize`."""

    network: Network
    theta: Array
    training: Training
    rows: Rows
    validation: Rows | None

    def __call__(
        self, path: Path | None = None, watch: ProgressCallback | None = None
    ) -> TrainingResult:
        """Train, with a checkpoint after every step."""
        checkpoint = None if path is None else Checkpoint(path, every_seconds=0)
        arguments = self.network, self.theta, self.training, self.rows, self.validation
        return minimize(*arguments, checkpoint=checkpoint, watch=watch)


def random_rows(seed: int, rows: int = 20, shift: float = 0, **weights: Array) -> Rows:
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((rows, 2))
    return Rows(inputs, inputs.sum(axis=1) + generator.standard_normal(rows) > shift, **weights)


def job(*, dtype: str = "float64", members: int = 0, units: int = 4, **more: Any) -> Job:
    network = Network([Dense(units, "tanh"), Dropout(0.2), Dense(1)], inputs=2, dtype=dtype)
    generators = [np.random.default_rng(seed) for seed in range(max(members, 1))]
    theta = network.initial_parameters(generators if members else generators[0])
    values = {"optimizer": "adam", "learning_rate": 0.1, "epochs": 4, "batch_size": 8, **more}
    return Job(network, theta, Training(**values), random_rows(0), random_rows(1))


NOISE: dict[str, Any] = {"augmentation": ["mixup", {"name": "jitter", "standard_deviation": 0.1}]}
KINDS: dict[str, Callable[[], Job]] = {
    **{name: functools.partial(job, optimizer=name) for name in OPTIMIZERS},
    "noise": lambda: job(**NOISE),
    "noise, float32": lambda: job(dtype="float32", **NOISE),
    "one cycle": lambda: job(schedule="one_cycle"),
    "one cycle, SGD": lambda: job(optimizer="momentum", schedule="one_cycle"),
    "warm-up": lambda: job(schedule={"name": "warm_up", "steps": 5, "then": "cosine"}),
    "plateau": lambda: replace(
        job(schedule={"name": "reduce_on_plateau", "patience": 0, "cooldown": 1}),
        validation=random_rows(2, shift=9),
    ),
    "early stopping": lambda: replace(
        job(early_stopping={"patience": 1}), validation=random_rows(2, shift=9)
    ),
    "average": lambda: job(average=0.9, **NOISE),
    "members": lambda: job(members=3, learning_rate=[0.1, 0.01, 0.5], **NOISE),
    "members, float32": lambda: job(
        members=2, dtype="float32", average=0.5, learning_rate=[0.1, 0.2], schedule="cosine"
    ),
    "members, weights": lambda: replace(
        job(members=2), rows=random_rows(0, weights=np.arange(1.0, 41).reshape(2, 20))
    ),
    "members, early stopping out of bag": lambda: replace(
        job(members=2, early_stopping={"patience": 1, "rows": "out-of-bag"}, learning_rate=0.5),
        rows=replace(random_rows(0), bags=np.arange(40).reshape(2, 20) % 3),
    ),
    "full batch": lambda: job(epochs=12, batch_size="full", report_every=5),
    "full batch, noise": lambda: job(epochs=12, batch_size=20, **NOISE),
    "automatic batch": lambda: job(epochs=12, batch_size="auto"),
    "batches of one": lambda: replace(job(epochs=3, batch_size=1), rows=random_rows(0, rows=4)),
    "bounded": lambda: job(l1=0.01, l2=0.1, max_norm=1.0, clip_value=0.1, clip_norm=0.1),
    "frozen": lambda: job(layer_rates=[0, 1, 0.5], optimizer="adamw"),
    "without validation": lambda: replace(job(), validation=None),
}


def stop_after(steps: int) -> ProgressCallback:
    steps_seen = 0

    def watch(done: float, record: Record) -> None:  # noqa: ARG001
        nonlocal steps_seen
        steps_seen += 1
        if steps_seen == steps:
            raise Stopped

    return watch


def stop(training: Job, path: Path, steps: int) -> None:
    with pytest.raises(Stopped):
        training(path, stop_after(steps))


@functools.cache
def whole(kind: str) -> tuple[TrainingResult, bytes]:
    """Return the result of an uninterrupted training, and its last checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        return KINDS[kind]()(path), path.read_bytes()


def require_same(found: TrainingResult, expected: TrainingResult) -> None:
    assert found.theta.dtype == expected.theta.dtype
    assert found.theta.tobytes() == expected.theta.tobytes()
    assert found.history == expected.history
    assert (found.epoch, found.interrupted) == (expected.epoch, expected.interrupted)


# Resuming


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=5)
@given(stops=st.lists(st.integers(1, STEPS), min_size=1, max_size=3))
def test_resumed_training_is_identical_bit_for_bit(kind: str, stops: list[int]) -> None:
    expected, last = whole(kind)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        for steps in stops:
            try:
                found = KINDS[kind]()(path, stop_after(steps))
            except Stopped:
                continue
            require_same(found, expected)
        require_same(KINDS[kind]()(path), expected)
        assert path.read_bytes() == last


def test_kinds_of_trainings_differ_as_intended() -> None:
    assert whole("adam")[0].history.records[-1].step == STEPS
    assert whole("adam")[0].theta.tobytes() != whole("noise")[0].theta.tobytes()
    rates = whole("plateau")[0].history.column("rate")
    assert rates[-1] < rates[1] / 5
    stopped = whole("early stopping")[0]
    assert stopped.epoch < stopped.history.records[-1].epoch < 4
    assert whole("members")[0].theta.shape == (3, 17)
    assert whole("members, float32")[0].theta.dtype == np.float32


def test_checkpoints_do_not_change_the_training(tmp_path: Path) -> None:
    for kind in ("noise", "members", "early stopping"):
        require_same(KINDS[kind]()(), whole(kind)[0])
    checkpoint, plain = Checkpoint(tmp_path / "state", every_seconds=1000), job()
    minimize(plain.network, plain.theta, plain.training, plain.rows, checkpoint=checkpoint)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("steps", [1, 5, 17, 30])
def test_resumed_training_diverges_at_the_same_step(tmp_path: Path, steps: int) -> None:
    network = Network([Dense(1)], inputs=2, loss="mean_squared_error")
    settings = Training(optimizer="gradient_descent", learning_rate=50, epochs=999, batch_size=8)
    diverging = Job(network, np.zeros(3), settings, random_rows(0), None)
    with pytest.raises(DivergedError) as expected:
        diverging()
    stop(diverging, tmp_path / "state", steps)
    for _ in range(2):
        with pytest.raises(DivergedError) as found:
            diverging(tmp_path / "state")
        assert str(found.value) == str(expected.value)
        assert found.value.theta.tobytes() == expected.value.theta.tobytes()
        assert found.value.history == expected.value.history


# Checkpoints of other trainings


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            lambda: job(learning_rate=0.5),
            "training.optimizer.learning_rate was 0.1, now 0.5",
        ),
        (lambda: job(epochs=5), "training.epochs was 4, now 5"),
        (lambda: job(seed=3), "training.seed was not given, now 3"),
        (
            lambda: job(batch_size="full"),
            "training.batch_size was 8, now not given",
        ),
        (
            lambda: job(optimizer="nadam"),
            "training.optimizer.name was adam, now nadam",
        ),
        (lambda: job(units=5), "network.layers.0.units was 4, now 5; initial"),
        (
            lambda: job(dtype="float32"),
            "network.dtype was float64, now float32; .*; training rows differ.*, and 1 more",
        ),
        (lambda: replace(job(), rows=random_rows(7)), "training rows differs?; use"),
        (
            lambda: replace(job(), rows=random_rows(0, weights=np.arange(1.0, 21))),
            "training rows differs?; use",
        ),
        (lambda: replace(job(), validation=random_rows(7)), "validation rows differs?; use"),
        (lambda: replace(job(), validation=None), "validation rows differs?; use"),
        (lambda: replace(job(), theta=job().theta + 1e-9), "initial weights differs?; use"),
        (lambda: job(learning_rate=[0.1, 0.1], members=2), "initial weights differs?"),
    ],
)
def test_checkpoint_of_another_training_is_rejected(
    tmp_path: Path, other: Callable[[], Job], message: str
) -> None:
    path = tmp_path / "state"
    stop(job(), path, 5)
    before = path.read_bytes()
    with pytest.raises(TrainingError, match=f"a checkpoint of another training: .*{message}") as e:
        other()(path)
    assert str(e.value).startswith(f"{path}: ")
    assert path.read_bytes() == before
    job()(path)


# Failed writes


def test_missing_folder_is_reported_and_the_old_checkpoint_is_kept(tmp_path: Path) -> None:
    folder, moved = tmp_path / "folder", tmp_path / "moved"
    folder.mkdir()
    stop(job(), folder / "state", 5)
    before = (folder / "state").read_bytes()

    def watch(done: float, record: Record) -> None:  # noqa: ARG001
        shutil.move(folder, moved)

    with pytest.raises(FileNotFoundError, match="folder"):
        job()(folder / "state", watch)
    assert [each.name for each in moved.iterdir()] == ["state"]
    assert (moved / "state").read_bytes() == before
    require_same(job()(moved / "state"), whole("adam")[0])


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_is_reported_and_the_old_checkpoint_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "state"
    stop(job(), path, 5)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, fail)
        with pytest.raises(OSError, match="No space left on device"):
            job()(path)
    assert [each.name for each in tmp_path.iterdir()] == ["state"]
    assert path.read_bytes() == before
    require_same(job()(path), whole("adam")[0])

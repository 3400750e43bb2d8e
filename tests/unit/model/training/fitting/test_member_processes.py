"""Members in several processes: the same bits as in one, checkpoints, errors and interrupts."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import TrainingError
from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.fitting.checkpoint import Checkpoint
from model.training.fitting.history import Record
from model.training.fitting.loop import DivergedError, ProgressCallback, TrainingResult, minimize
from model.training.fitting.member_processes import MemberProcesses

pytestmark = pytest.mark.process
MEMBERS = 5


@pytest.fixture(autouse=True)
def _answers_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a stride one step, so that a training can be interrupted at each."""
    monkeypatch.setattr(MemberProcesses, "stride_seconds", 0)


@dataclass(frozen=True, eq=False)
class Job:
    """The arguments of `minimize`."""

    training: Training
    rows: Rows | StoredRows
    validation: Rows | None
    dtype: str = "float64"

    def __call__(
        self, jobs: int, path: Path | None = None, watch: ProgressCallback | None = None
    ) -> TrainingResult:
        network = Network([Dense(4, "tanh"), Dropout(0.2), Dense(1)], 2, dtype=self.dtype)
        theta = network.initial_parameters(self.training.initial_generators(MEMBERS))
        checkpoint = None if path is None else Checkpoint(path, every_seconds=0)
        more: dict[str, Any] = {"checkpoint": checkpoint, "watch": watch, "jobs": jobs}
        return minimize(network, theta, self.training, self.rows, self.validation, **more)


def random_rows(seed: int, rows: int = 20, weights: Array | None = None) -> Rows:
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((rows, 2))
    return Rows(inputs, inputs.sum(axis=1) + generator.standard_normal(rows) > 0, weights)


def job(**more: Any) -> Job:
    values = {"optimizer": "adam", "learning_rate": 0.1, "epochs": 4, "batch_size": 8, **more}
    return Job(Training(**values), random_rows(0), random_rows(1))


JITTER = [{"name": "jitter", "standard_deviation": 0.1}, "mixup"]
KINDS = {
    "bagged, own rates, average": lambda: replace(
        job(learning_rate=[0.1, 0.01, 0.5, 0.2, 0.3], average=0.9, augmentation=JITTER),
        rows=random_rows(0, weights=np.arange(1.0, 101).reshape(5, 20)),
    ),
    "plateau": lambda: replace(
        job(schedule={"name": "reduce_on_plateau", "patience": 0}, learning_rate=[9, 8, 7, 6, 5]),
        validation=random_rows(2),
    ),
    "early stopping, automatic batch": lambda: job(
        early_stopping={"patience": 1}, learning_rate=3, batch_size="auto", epochs=12
    ),
    "early stopping out of bag, average": lambda: replace(
        job(early_stopping={"patience": 1, "rows": "out-of-bag"}, average=0.5, epochs=12),
        rows=replace(random_rows(0), bags=np.arange(100).reshape(5, 20) % 3),
    ),
    "float32, one cycle": lambda: replace(job(schedule="one_cycle", l2=0.1), dtype="float32"),
}


def require_same(found: TrainingResult, expected: TrainingResult) -> None:
    assert found.theta.dtype == expected.theta.dtype
    assert found.theta.tobytes() == expected.theta.tobytes()
    assert found.history == expected.history
    assert (found.epoch, found.interrupted) == (expected.epoch, expected.interrupted)


def stop_after(steps: int) -> ProgressCallback:
    """Return a callback that ends the training after some steps."""
    seen = 0

    def watch(done: float, record: Record) -> bool:  # noqa: ARG001
        nonlocal seen
        seen += 1
        return seen == steps

    return watch


@pytest.mark.parametrize("kind", KINDS)
def test_result_does_not_depend_on_the_number_of_processes(kind: str) -> None:
    require_same(KINDS[kind]()(2), KINDS[kind]()(1))


def test_more_processes_than_members_are_not_started() -> None:
    require_same(job()(99), job()(1))


def test_stored_rows_are_read_by_each_process(tmp_path: Path) -> None:
    rows = random_rows(0, 100)
    path = tmp_path / "rows"
    records = np.column_stack([rows.inputs, rows.targets, np.ones(100)]).astype(float)
    path.write_bytes(records.tobytes())
    stored = StoredRows(path, 2, 1, _same, _unscaled, weighted=True)
    require_same(replace(job(), rows=stored)(2), replace(job(), rows=stored)(1))


def _same(rows: Array) -> Array:
    return rows


def _unscaled(targets: Array, weights: Array) -> tuple[Array, Array]:
    return targets, weights


@pytest.mark.parametrize("jobs", [(1, 2), (2, 1)])
def test_checkpoint_is_resumed_with_another_number_of_processes(
    tmp_path: Path, jobs: tuple[int, int]
) -> None:
    training, path = KINDS["bagged, own rates, average"](), tmp_path / "state"
    expected = training(1, tmp_path / "whole")
    assert training(jobs[0], path, stop_after(5)).interrupted
    require_same(training(jobs[1], path), expected)
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()


def test_divergence_is_reported_at_the_same_step() -> None:
    texts = []
    for jobs in (1, 2):
        with pytest.raises(DivergedError) as error:
            job(optimizer="gradient_descent", learning_rate=[1, 1, 1e200, 1e9, 1], l2=1)(jobs)
        assert np.isfinite(error.value.theta).all()
        texts.append(str(error.value))
    assert texts[0] == texts[1]
    assert "at step 2, epoch 0, with learning rate 1e+200" in texts[0]


def text_of(file: Path) -> str:
    """Text of a file in /proc, empty where its thread or process has ended."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def workers_of_this_process() -> set[int]:
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {
        int(pid)
        for file in children
        for pid in text_of(file).split()
        if "spawn_main" in text_of(Path(f"/proc/{pid}/cmdline"))
    }


def wait_for_end(workers: set[int]) -> None:
    deadline = time.monotonic() + 60
    while workers & workers_of_this_process():
        assert time.monotonic() < deadline, "a process of members is still running"
        time.sleep(0.01)


@pytest.fixture
def _ctrl_c() -> Iterator[None]:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("_ctrl_c")
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_ctrl_c_of_all_processes_ends_the_training_after_a_step() -> None:
    workers: set[int] = set()

    def press(done: float, record: Record) -> None:  # noqa: ARG001
        workers.update(workers_of_this_process())
        for pid in (*workers, os.getpid()):
            os.kill(pid, signal.SIGINT)

    result = job(epochs=9999)(2, watch=press)
    assert (result.interrupted, result.history.records[-1].step) == (True, 1)
    assert len(workers) == 2
    wait_for_end(workers)


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_process_that_is_killed_is_an_error_that_names_its_members() -> None:
    workers: set[int] = set()

    def kill(done: float, record: Record) -> None:  # noqa: ARG001
        workers.update(workers_of_this_process())
        os.kill(max(workers), signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"the process of the members \d to \d ended"):
        job()(2, watch=kill)
    wait_for_end(workers)


def test_stride_takes_about_the_set_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemberProcesses, "stride_seconds", 0.2)
    dones: list[float] = []
    training = replace(job(epochs=2000, report_every=2000), validation=None)
    training(2, watch=lambda done, _: dones.append(done))
    strides = np.diff(dones, prepend=0)
    assert strides[0] * 3 == pytest.approx(1)  # the first stride is one of an epoch's 3 steps
    assert strides[1] <= 4.1 * strides[0]
    assert len(dones) < 200
    assert dones[-1] == 2000

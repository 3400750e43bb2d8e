"""Members as tasks: the bits of one process, from workers that may keep nothing."""

import pickle
from collections.abc import Callable, Generator, Iterable
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
from model.training.fitting import member_tasks
from model.training.fitting.checkpoint import Checkpoint
from model.training.fitting.loop import DivergedError, TrainingResult, minimize
from model.training.fitting.member_tasks import MemberTasks

MEMBERS = 5
JITTER = [{"name": "jitter", "standard_deviation": 0.1}, "mixup"]
BAGS = np.arange(100).reshape(MEMBERS, 20) % 3
TRAININGS: dict[str, dict[str, Any]] = {
    "own rates, average": {
        "learning_rate": [0.1, 0.01, 0.5, 0.2, 0.3],
        "average": 0.9,
        "augmentation": JITTER,
    },
    "plateau": {
        "schedule": {"name": "reduce_on_plateau", "patience": 0},
        "learning_rate": [9, 8, 7, 6, 5],
    },
    "early stopping, automatic batch": {
        "early_stopping": {"patience": 1},
        "batch_size": "auto",
        "epochs": 12,
    },
    "out of bag": {"early_stopping": {"patience": 1, "rows": "out-of-bag"}, "epochs": 12},
    "one cycle": {"schedule": "one_cycle", "l2": 0.1},
}


class ForgetfulPool:
    """A pool whose workers get copies, in reverse order; each task may be on a new worker.

    Args:
        size: Number of workers.
        forgets: Whether each task is on a new worker.
    """

    is_here = False

    def __init__(self, size: int, *, forgets: bool) -> None:
        self.size, self._forgets = size, forgets
        self.tasks = 0

    def share(self, value: Any) -> Any:
        return pickle.dumps(value)

    def run(
        self,
        function: Callable[[Any, Any], Any],
        items: Iterable[Any],
        shared: Any = None,
        *,
        ahead: int = 2,  # noqa: ARG002 - the interface of pools
    ) -> Generator[tuple[int, Any], None, None]:
        for number, item in reversed(list(enumerate(items))):
            if self._forgets:
                member_tasks._compiled.clear()
            self.tasks += 1
            found = function(pickle.loads(shared), pickle.loads(pickle.dumps(item)))
            for array in found.state.arrays.values():
                array.setflags(write=False)
            yield number, found

    def close(self) -> None:
        raise AssertionError  # the training did not open it


def random_rows(seed: int, bags: Array | None = None) -> Rows:
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((20, 2))
    labels = inputs.sum(axis=1) + generator.standard_normal(20) > 0
    return Rows(inputs, labels, None, bags)


def run(
    kind: dict[str, Any], pool: ForgetfulPool | None, rows: Any = None, **more: Any
) -> TrainingResult:
    settings = {"optimizer": "adam", "learning_rate": 0.1, "epochs": 4, "batch_size": 8, **kind}
    training = Training(**settings)
    network = Network([Dense(4, "tanh"), Dropout(0.2), Dense(1)], 2)
    theta = network.initial_parameters(training.initial_generators(MEMBERS))
    rows = random_rows(0, BAGS) if rows is None else rows
    return minimize(network, theta, training, rows, random_rows(1), pool=pool, **more)


def require_same(found: TrainingResult, expected: TrainingResult) -> None:
    assert found.theta.tobytes() == expected.theta.tobytes()
    assert found.history == expected.history
    assert (found.epoch, found.interrupted) == (expected.epoch, expected.interrupted)


@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("size", [1, 2, 9])
@pytest.mark.parametrize("kind", TRAININGS)
def test_result_does_not_depend_on_the_workers(kind: str, size: int, forgets: bool) -> None:
    pool = ForgetfulPool(size, forgets=forgets)
    require_same(run(TRAININGS[kind], pool), run(TRAININGS[kind], None))
    assert pool.tasks >= min(size, MEMBERS)


@pytest.mark.parametrize("starts_here", [True, False])
def test_checkpoint_is_resumed_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts_here: bool
) -> None:
    monkeypatch.setattr(MemberTasks, "stride_seconds", 0)
    kind = TRAININGS["own rates, average"]
    pools = [None, ForgetfulPool(2, forgets=True)]
    first, second = pools if starts_here else pools[::-1]
    state = Checkpoint(tmp_path / "state", every_seconds=0)
    assert run(kind, first, checkpoint=state, watch=lambda done, _: done > 1).interrupted
    require_same(run(kind, second, checkpoint=state), run(kind, None))


def test_divergence_is_reported_at_the_same_step() -> None:
    kind = {"optimizer": "gradient_descent", "learning_rate": [1, 1, 1e200, 1e9, 1], "l2": 1}
    texts = []
    for pool in (None, ForgetfulPool(2, forgets=False)):
        with pytest.raises(DivergedError) as error:
            run(kind, pool)
        assert np.isfinite(error.value.theta).all()
        texts.append(str(error.value))
    assert texts[0] == texts[1]


def test_rows_in_a_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(np.ones((20, 4)).tobytes())
    stored = StoredRows(path, 2, 1, lambda rows: rows, lambda *given: given, weighted=True)
    with pytest.raises(TrainingError, match=r"^--cluster: the table is larger than memory"):
        run({}, ForgetfulPool(2, forgets=True), stored)


def test_a_single_network_stays_in_this_process() -> None:
    training = Training(optimizer="adam", epochs=2)
    network = Network([Dense(1)], 2)
    theta = network.initial_parameters(training.initial_generator())
    pool = ForgetfulPool(2, forgets=True)
    found = minimize(network, theta, training, random_rows(0), pool=pool)
    assert (found.theta.shape, pool.tasks) == (theta.shape, 0)

"""Results of a Dask cluster of processes: the bits of one process, whichever workers are lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.dask_cluster import DaskCluster, dask_cluster
from support.eventually import until
from support.paths import DATA, ROOT

from model.artifacts import artifact
from model.errors import MalignancyError
from model.parallel import dask_pool
from model.parallel.opening import open_pool
from model.pipelines.compare import compare
from model.pipelines.cross_validate import OutOfFold, cross_validate, draw_folds
from model.pipelines.score_file import score_file
from model.pipelines.train import Trained, train
from model.prediction.predictor import Predictor
from model.training.fitting.checkpoint import Checkpoint
from model.training.recipes.recipe import Recipe, load_recipe, override
from model.training.tables.partitions import read_table

distributed = pytest.importorskip("distributed", reason="needs Dask: make oracles")
pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers that no test ends."""
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[DaskCluster]:
    """Two workers and a scheduler that a test may kill."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    with dask_cluster(folder) as found:
        yield found


def ensemble(epochs: int, **training: Any) -> Recipe:
    settings = {"training": {"epochs": epochs, **training}, "ensemble": {"members": 5, "folds": 5}}
    return override(load_recipe("wisconsin"), settings)


def file_of(recipe: Recipe, folder: Path, epochs: int) -> str:
    path = folder / "quick.toml"
    text = f'extends = "{recipe.name}"\nname = "quick"\ntraining.epochs = {epochs}\n'
    path.write_text(text + "ensemble = { members = 4, folds = 4 }\n")
    return str(path)


def bits(found: list[OutOfFold]) -> list[Any]:
    return [
        (each.scored.predictions.tobytes(), {k: v.tobytes() for k, v in each.thresholds.items()})
        for each in found
    ]


def same(found: Trained, expected: Trained) -> bool:
    return found.outcome.history == expected.outcome.history and (
        artifact.to_bytes(found.predictor) == artifact.to_bytes(expected.predictor)
    )


def cross_validated(recipe: Recipe, cluster: str | None) -> list[OutOfFold]:
    table = read_table(recipe)
    return cross_validate(
        recipe, table, draw_folds(recipe.schema.target, table, 4, 2), cluster=cluster
    )


class _When:
    """Call a function in a thread once workers are in the middle of a task.

    Args:
        address: Address of the scheduler.
        call: The function.
        tasks: Number of tasks that have begun at that time, at least.
    """

    def __init__(self, address: str, call: Callable[[], None], tasks: int = 1) -> None:
        self._address, self._call, self._tasks = address, call, tasks
        self._thread = threading.Thread(target=self._run)
        self._seen: set[str] = set()

    def _run(self) -> None:
        with distributed.Client(self._address, set_as_default=False) as client:
            until(lambda: self._count(client) >= self._tasks)
            self._call()

    def _count(self, client: Any) -> int:
        for keys in client.processing().values():
            self._seen.update(keys)
        return len(self._seen)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def test_scoring(cluster: DaskCluster, predictor: Predictor, tmp_path: Path) -> None:
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    source = DATA / "breast-cancer-wisconsin.csv"
    score_file(predictor, source, here, 0.5)
    score_file(predictor, source, there, 0.5, cluster=cluster.address)
    assert here.read_bytes() == there.read_bytes()


def test_cross_validation(cluster: DaskCluster) -> None:
    recipe = ensemble(10)
    assert bits(cross_validated(recipe, cluster.address)) == bits(cross_validated(recipe, None))


def test_comparison_of_recipes(cluster: DaskCluster) -> None:
    diverging = override(load_recipe("xor"), {"training": {"learning_rate": 1e200, "epochs": 9}})
    recipes = [ensemble(3), diverging, override(load_recipe("xor"), {"training": {"epochs": 9}})]
    here, there = (compare(recipes, cluster=each) for each in (None, cluster.address))
    assert [each.failure[:8] for each in there] == ["", "the loss", ""]
    assert [replace(each, seconds=0) for each in there] == [
        replace(each, seconds=0) for each in here
    ]


TRAININGS: dict[str, dict[str, Any]] = {
    "out of bag": {},
    "plateau": {"schedule": {"name": "reduce_on_plateau", "patience": 0}},
    "average, small batches": {"average": 0.9, "batch_size": 100, "early_stopping": None},
}


@pytest.mark.parametrize("kind", TRAININGS)
def test_members(cluster: DaskCluster, kind: str) -> None:
    recipe = ensemble(12, **TRAININGS[kind])
    assert same(train(recipe, cluster=cluster.address), train(recipe))


@pytest.mark.parametrize("starts_here", [True, False])
def test_a_checkpoint_is_resumed_elsewhere(
    cluster: DaskCluster, tmp_path: Path, starts_here: bool
) -> None:
    recipe, places = ensemble(12), [None, cluster.address]
    state = Checkpoint(tmp_path / "state", every_seconds=0)
    first, second = places if starts_here else places[::-1]
    stopped = train(recipe, watch=lambda done, _: done > 5, checkpoint=state, cluster=first)
    assert stopped.outcome.interrupted
    assert same(train(recipe, checkpoint=state, cluster=second), train(recipe))


def test_trials_of_a_search(cluster: DaskCluster, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the tune extra")
    from model.tuning.search import identity, search
    from model.tuning.space import search_space
    from model.tuning.study import Study

    recipe = override(load_recipe("xor"), {"training": {"epochs": 5}})
    table = read_table(recipe)
    [folds] = draw_folds(recipe.schema.target, table, 3, 1)
    space = search_space(recipe, len(table.rows))
    found = []
    for name, address in (("here", None), ("there", cluster.address)):
        study = Study(tmp_path / name, space, identity(recipe, table, folds), 0)
        options: dict[str, Any] = {"seconds": 600, "trials": 6, "cluster": address}
        assert search(recipe, table, folds, space, study, **options).failures == []
        found.append({each.number: (each.values, each.losses.tolist()) for each in study.trials()})
    assert len(found[0]) == 6
    assert found[0] == found[1]


def test_shared_data_is_sent_once(cluster: DaskCluster) -> None:
    shared, tasks = np.random.default_rng(0).bytes(2**21), 40
    with open_pool(1, cluster.address) as pool:
        client: Any = pool._client  # type: ignore[attr-defined]  # for the counters of distributed
        before = client.scheduler_comm.byte_count, sent_to_workers(client)
        found = list(pool.run(length, range(tasks), pool.share(shared)))
        after = client.scheduler_comm.byte_count, sent_to_workers(client)
    assert [size for _, size in found] == [2**21] * tasks
    for start, end in zip(before, after, strict=True):
        assert 2**21 < end - start < 2**21 + 10_000 * tasks


def length(shared: bytes, _: int) -> int:
    return len(shared)


def sent_to_workers(client: Any) -> int:
    return int(client.run_on_scheduler(_bytes_to_workers))


def _bytes_to_workers(dask_scheduler: Any) -> int:
    return sum(each.byte_count for each in dask_scheduler.stream_comms.values())


@pytest.mark.parametrize("first", [0, pytest.param(1, marks=pytest.mark.stress)])
def test_a_worker_is_killed_in_a_cross_validation(mortal: DaskCluster, first: int) -> None:
    recipe = ensemble(30)
    expected = bits(cross_validated(recipe, None))
    with _When(mortal.address, mortal.workers[first].kill):
        found = bits(cross_validated(recipe, mortal.address))
    assert mortal.workers[first].wait() == -signal.SIGKILL
    assert found == expected


def test_a_worker_is_killed_in_a_training(mortal: DaskCluster) -> None:
    recipe = ensemble(60)
    with _When(mortal.address, mortal.workers[0].kill, tasks=9):
        found = train(recipe, cluster=mortal.address)
    assert mortal.workers[0].wait() == -signal.SIGKILL
    assert same(found, train(recipe))


def test_all_workers_are_killed(mortal: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_pool(1, mortal.address) as pool:
        monkeypatch.setattr(dask_pool, "WORKER_SECONDS", 1)
        with pytest.raises(MalignancyError, match=r"has had no worker for 1 s: start some with"):
            list(pool.run(end_process, range(9)))


def end_process(_: object, __: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_ends_its_workers(tmp_path: Path) -> None:
    allowed = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with (
        dask_cluster(tmp_path, environment=allowed) as cluster,
        open_pool(1, cluster.address) as pool,
    ):
        text = r"^--cluster: a task ended 2 workers, the last one tcp://.* it may need more memory"
        with pytest.raises(MalignancyError, match=text):
            list(pool.run(end_process, range(1)))


def test_a_worker_that_comes_later_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "CHECK_SECONDS", 0.01)
    with dask_cluster(tmp_path, workers=1) as cluster, open_pool(1, cluster.address) as pool:
        assert pool.size == 1
        cluster.start_worker()
        results = pool.run(length, iter(int, 1), pool.share(b"12"))  # without an end
        until(lambda: next(results)[1] == 2 == pool.size)
        results.close()


def raise_timeout(_: object, __: int) -> None:
    raise TimeoutError("of the function")


def test_an_error_of_the_function_is_not_one_of_the_cluster(cluster: DaskCluster) -> None:
    with open_pool(1, cluster.address) as pool, pytest.raises(TimeoutError, match="of the func"):
        list(pool.run(raise_timeout, range(2)))


def test_a_package_that_the_cluster_lacks(
    cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def double(_, item):\n    return 2 * item\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = import_module("only_here").double
    text = r"^--cluster: No module named 'only_here': scheduler and workers need the packages"
    with open_pool(1, cluster.address) as pool, pytest.raises(MalignancyError, match=text):
        list(pool.run(function, range(2)))


def test_an_unreachable_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "CONNECT_SECONDS", 0.1)
    for address in ("tcp://127.0.0.1:1", "nonsense", "foo://127.0.0.1:1", "tls://127.0.0.1:1"):
        text = f"^--cluster: {address} cannot be reached: "
        with pytest.raises(MalignancyError, match=text), open_pool(1, address):
            raise AssertionError


def test_a_scheduler_without_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "WORKER_SECONDS", 0.2)
    with dask_cluster(tmp_path, workers=0) as cluster:
        text = r"has had no worker for 0\.2 s: start some with dask worker$"
        with pytest.raises(MalignancyError, match=text), open_pool(1, cluster.address):
            raise AssertionError


def run_program(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "model", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize(
    "command", ["cross-validate", "train", pytest.param("compare", marks=pytest.mark.stress)]
)
def test_the_scheduler_is_killed(mortal: DaskCluster, tmp_path: Path, command: str) -> None:
    output = [] if command == "cross-validate" else ["--output", str(tmp_path / "out")]
    path = file_of(ensemble(1), tmp_path, 10**6)
    with run_program(command, path, *output, "--cluster", mortal.address) as program:
        with _When(mortal.address, mortal.scheduler.kill):
            error = program.communicate(timeout=120)[1]
        assert program.returncode == 2
    start = f"error: --cluster: the scheduler at {mortal.address}, or data that it held, is lost: "
    assert error == f"{start}start the command again\n"


def test_ctrl_c_saves_the_weights_of_a_training(mortal: DaskCluster, tmp_path: Path) -> None:
    path, output = file_of(ensemble(1), tmp_path, 10**6), tmp_path / "out.joblib"
    arguments = "train", path, "--output", str(output), "--cluster", mortal.address
    with run_program(*arguments) as program:
        with _When(mortal.address, lambda: program.send_signal(signal.SIGINT), tasks=9):
            error = program.communicate(timeout=120)[1]
        assert program.returncode == 130, error
    assert error.startswith("interrupted: the best weights so far, of epoch ")
    artifact.load(output).replay_self_test()


def test_ctrl_c_ends_a_cross_validation(mortal: DaskCluster, tmp_path: Path) -> None:
    path = file_of(ensemble(1), tmp_path, 10**6)
    start = time.monotonic()
    with run_program("cross-validate", path, "--cluster", mortal.address) as program:
        with _When(mortal.address, lambda: program.send_signal(signal.SIGINT)):
            error = program.communicate(timeout=120)[1]
        assert program.returncode == 130, error
    assert error == "interrupted: nothing was saved\n"
    assert time.monotonic() - start < 120

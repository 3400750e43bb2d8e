"""Engines of clusters: lost workers, errors, and clusters that cannot be reached."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.dask_cluster import DaskCluster, dask_cluster
from support.engine_items import block, fail, items, square
from support.eventually import until
from support.paths import ROOT

from model.errors import DataError, MalignancyError
from service.scoring.engines.engine import Engine, EngineName
from service.scoring.engines.selection import open_engine

PACKAGES: dict[EngineName, str] = {"dask": "distributed", "ray": "ray"}


def require(name: EngineName) -> None:
    pytest.importorskip(PACKAGES[name], reason=f"needs {PACKAGES[name]}: make oracles")


@pytest.fixture(scope="module", params=PACKAGES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    require(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        with open_engine(request.param, workers=2) as engine:
            yield engine


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    require("dask")
    folder = tmp_path / "cluster"
    folder.mkdir()
    with dask_cluster(folder, 1) as cluster:
        yield cluster


def kill_when(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    until(condition)
    process.kill()


def test_each_item_is_run_once(engine: Engine, tmp_path: Path) -> None:
    work = items(tmp_path, 20)
    assert sorted(engine.run(square, work)) == [(number, number**2) for number in range(20)]
    assert {len(item.runs()) for item in work} == {1}
    assert os.getpid() not in {process for item in work for process in item.runs()}


def test_workers_keep_freed_memory(engine: Engine) -> None:
    """Returning it to the system at once takes half of the CPU time of a row again."""
    assert list(engine.run(os.getenv, ["MALLOC_TRIM_THRESHOLD_"])) == [(0, None)]


def test_no_items(engine: Engine) -> None:
    assert list(engine.run(square, [])) == []


def test_items_of_killed_workers_run_again(engine: Engine, tmp_path: Path) -> None:
    work = items(tmp_path, 6, item_0=2, item_3=1)
    assert sorted(engine.run(square, work)) == [(number, number**2) for number in range(6)]
    assert len(work[0].runs()) >= 3


def test_item_that_always_kills_its_worker_is_named(engine: Engine, tmp_path: Path) -> None:
    work = items(tmp_path, 3, item_2=9)
    with pytest.raises(MalignancyError, match=r"^item 2: its worker process ended 3 times: it may"):
        list(engine.run(square, work))
    assert len(work[2].runs()) == 3


def test_error_cancels_the_rest(engine: Engine, tmp_path: Path) -> None:
    work = items(tmp_path, 30)
    with pytest.raises(DataError, match=r"^item 3 is wrong$"):
        list(engine.run(fail, work))
    assert not any(item.runs() for item in work[15:])


def test_scheduler_that_ends_is_an_error(cluster: DaskCluster, tmp_path: Path) -> None:
    work = items(tmp_path, 3)
    with open_engine("dask", cluster=cluster.address) as engine:
        killer = threading.Thread(target=kill_when, args=(work[0].runs, cluster.scheduler))
        killer.start()
        with pytest.raises(
            MalignancyError, match=r"^--cluster: the scheduler at tcp://127.0.0.1:\d+, or data"
        ):
            list(engine.run(block, work))
        killer.join()


@pytest.mark.parametrize("name", PACKAGES)
def test_cluster_that_cannot_be_reached(name: EngineName, monkeypatch: pytest.MonkeyPatch) -> None:
    require(name)
    if name == "dask":
        monkeypatch.setattr("model.parallel.dask_pool.CONNECT_SECONDS", 0.5)
    with pytest.raises(MalignancyError, match=r"127\.0\.0\.1:1"):
        open_engine(name, cluster="127.0.0.1:1")

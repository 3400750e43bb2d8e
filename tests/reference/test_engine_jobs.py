"""Jobs of `malignancy score` on each engine, through all that a machine and a cluster can lose."""

import os
import random
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.dask_cluster import dask_cluster
from support.eventually import until
from support.namespaces import ADDRESS, in_namespace, network
from support.object_store import object_store
from support.paths import ROOT
from support.ray_head import command_of, descendants, ray_head
from support.small_disk import small_disk

from service.scoring.engines.engine import EngineName, lost_worker
from service.scoring.engines.selection import open_engine

jobs: Any = pytest.importorskip("support.scoring_jobs", reason="needs pyarrow: make oracles")
job: Any = pytest.importorskip("service.scoring.job", reason="needs pyarrow: make oracles")

FILES, ROWS = 12, 30_000
PACKAGES = {"dask": "distributed", "ray": "ray"}
# What the command line of a worker process has.
WORKERS: dict[EngineName, bytes] = {
    "local": b"spawn_main",
    "dask": b"spawn_main",
    "ray": b"ray::_call",
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = jobs.dataset(tmp_path_factory.mktemp("source") / "rows", FILES, ROWS)
    return folder


@pytest.fixture(scope="module")
def expected(
    source: Path, artifact_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Return the parts that this process writes, alone and undisturbed."""
    to = tmp_path_factory.mktemp("expected") / "to"
    run("local", 1, artifact_path, source, to)
    parts: dict[str, bytes] = jobs.parts_of(to)
    assert len(parts) == FILES
    assert jobs.ids_of(to) == list(range(FILES * ROWS))
    return parts


def run(
    name: EngineName,
    workers: int,
    artifact: Path,
    source: Path,
    to: Path,
    *,
    cluster: str | None = None,
    progress: Callable[..., None] = lambda *_: None,
) -> Any:
    if name != "local":
        pytest.importorskip(PACKAGES[name], reason=f"needs {PACKAGES[name]}: make oracles")
    destination = job.Destination(str(to))
    with open_engine(name, workers=workers, cluster=cluster) as engine:
        return job.run_job(
            jobs.scorer_of(artifact), str(source), destination, engine, progress=progress
        )


def workers_of(name: EngineName) -> list[int]:
    """Return the worker processes that descend from this one."""
    return [each for each in descendants(os.getpid()) if WORKERS[name] in command_of(each)]


def has_parts(folder: Path, count: int) -> bool:
    return len(list(folder.glob("*.parquet"))) >= count


@pytest.mark.parametrize("name", WORKERS)
def test_killed_workers_lose_and_repeat_no_part(
    name: EngineName,
    source: Path,
    expected: dict[str, bytes],
    artifact_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    draw = random.Random(1)
    moments, killed, seen = set(draw.sample(range(1, FILES - 1), 2)), [], []

    def kill(complete: int, parts: int, counts: Any) -> None:
        seen.append((complete, parts, counts.rows))
        if complete in moments and (workers := workers_of(name)):
            killed.append(draw.choice(workers))
            os.kill(killed[-1], signal.SIGKILL)

    result = run(name, 2, artifact_path, source, tmp_path / "to", progress=kill)
    assert killed
    assert seen == [(number, FILES, ROWS) for number in range(1, FILES + 1)]
    assert (result.parts, result.skipped, result.counts.rows) == (FILES, 0, FILES * ROWS)
    assert jobs.parts_of(tmp_path / "to") == expected


def test_killed_workers_of_a_cluster_lose_and_repeat_no_part(
    source: Path, expected: dict[str, bytes], artifact_path: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="needs distributed: make oracles")
    draw, folder = random.Random(2), tmp_path / "cluster"
    folder.mkdir()
    with dask_cluster(folder, 3) as cluster:
        moments = set(draw.sample(range(1, FILES - 2), 2))

        def kill(complete: int, *_: Any) -> None:
            if complete in moments:
                cluster.workers.pop(draw.randrange(len(cluster.workers))).kill()

        to = tmp_path / "to"
        run("dask", 0, artifact_path, source, to, cluster=cluster.address, progress=kill)
        assert len(cluster.workers) == 1
    assert jobs.parts_of(to) == expected


def test_worker_whose_link_is_cut_loses_and_repeats_no_part(
    source: Path, expected: dict[str, bytes], artifact_path: Path, tmp_path: Path
) -> None:
    """Without a FIN or RST, the worker is lost after the timeout of its connection."""
    pytest.importorskip("distributed", reason="needs distributed: make oracles")
    folder, to = tmp_path / "cluster", tmp_path / "to"
    folder.mkdir()
    with network(hosts=2) as net:
        names = {f"dask_worker-{number}": host for number, host in enumerate(net.hosts)}
        with dask_cluster(
            folder,
            environment={"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "11s"},  # the shortest
            host=ADDRESS,
            prefix=lambda name: in_namespace(names.get(name, net.router)),
        ) as cluster:
            options = (artifact_path, source, "--to", to, "--engine", "dask", "--cluster")
            prefix = in_namespace(net.router)
            with jobs.started_job(*options, cluster.address, prefix=prefix) as process:
                until(partial(has_parts, to, 3))
                net.cut(net.hosts[0])
                out, errors = process.communicate(timeout=120)
            assert (process.returncode, errors) == (0, "")
            assert f"{FILES} parts, " in out
            lost, other = cluster.workers
            until(lambda: lost.poll() is not None)  # it ends without its scheduler
            assert other.poll() is None
    assert jobs.parts_of(to) == expected


def test_job_goes_on_after_its_scheduler_was_killed(
    source: Path, expected: dict[str, bytes], artifact_path: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="needs distributed: make oracles")
    folder, to = tmp_path / "cluster", tmp_path / "to"
    folder.mkdir()
    options = (artifact_path, source, "--to", to, "--engine")
    with dask_cluster(folder, 1) as cluster:
        with jobs.started_job(*options, "dask", "--cluster", cluster.address) as process:
            until(partial(has_parts, to, 3))
            cluster.scheduler.kill()
            out, errors = process.communicate()
        assert (process.returncode, out) == (2, "")
        assert errors.startswith(f"error: --cluster: the scheduler at {cluster.address}, or data")
        assert errors.count("\n") == 1
    assert not (to / "_SUCCESS").exists()
    found = run("local", 2, artifact_path, source, to)
    assert found.skipped > 2
    assert jobs.parts_of(to) == expected


@pytest.mark.stress
def test_job_goes_on_after_its_ray_cluster_was_killed(
    source: Path, expected: dict[str, bytes], artifact_path: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="needs ray: make oracles")
    to, seconds = tmp_path / "to", {"RAY_gcs_rpc_server_reconnect_timeout_s": "1"}
    options = (artifact_path, source, "--to", to, "--engine", "ray", "--cluster")
    with ray_head(tmp_path) as head:
        environment = head.environment | seconds
        with jobs.started_job(*options, head.address, environment=environment) as process:
            until(partial(has_parts, to, 3))
            os.kill(head.server, signal.SIGKILL)
            process.communicate()
        assert process.returncode != 0  # Ray ends the process
    assert not (to / "_SUCCESS").exists()
    found = run("local", 2, artifact_path, source, to)
    assert found.skipped > 2
    assert jobs.parts_of(to) == expected


@pytest.mark.stress
def test_job_that_is_killed_again_and_again_goes_on(
    source: Path, expected: dict[str, bytes], artifact_path: Path, tmp_path: Path
) -> None:
    to = tmp_path / "to"
    options = (artifact_path, source, "--to", to, "--workers", "2")
    for parts in (2, 5, 8):
        with jobs.started_job(*options) as process:
            until(partial(has_parts, to, parts))
            os.killpg(process.pid, signal.SIGKILL)
        assert not (to / "_SUCCESS").exists()
    code, out, errors = jobs.run_command(*options)
    assert (code, errors) == (0, "")
    assert "parts that were complete before: " in out
    assert jobs.parts_of(to) == expected


def test_full_disk_is_one_line_and_the_job_goes_on(
    source: Path, expected: dict[str, bytes], artifact_path: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, 4 * max(map(len, expected.values()))) as resize:
        options = (artifact_path, source, "--to", disk / "to", "--workers", "2")
        code, out, errors = jobs.run_command(*options)
        assert (code, out) == (2, "")
        assert errors.startswith(f"error: {disk}/to/")
        assert errors.endswith(": No space left on device\n")
        assert errors.count("\n") == 1
        resize(2 * sum(map(len, expected.values())) + 2**24)
        code, out, errors = jobs.run_command(*options)
        assert (code, errors) == (0, "")
        assert "parts that were complete before: " in out
        assert jobs.parts_of(disk / "to") == expected


def test_job_from_and_to_an_object_store(
    source: Path,
    expected: dict[str, bytes],
    artifact_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with object_store(monkeypatch, tmp_path / "cache", "bucket") as store:
        store.upload(source, "bucket/rows")
        store.put("bucket/model.joblib", artifact_path.read_bytes())
        uris = ("s3://bucket/model.joblib", "s3://bucket/rows", "--to", "s3://bucket/to")
        code, out, errors = jobs.run_command(*uris, "--workers", "2")
        assert (code, errors) == (0, "")
        assert f"{FILES} parts, " in out
        parts = {name: store.get(f"bucket/to/{name}") for name in expected}
        assert parts == expected
        assert store.get("bucket/to/_SUCCESS") == b""
        code, out, errors = jobs.run_command(*uris)
        assert (code, errors) == (0, "")
        assert f"parts that were complete before: {FILES}" in out


def test_object_store_that_ends_is_one_line(
    source: Path, artifact_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with object_store(monkeypatch, tmp_path / "cache", "bucket") as store:
        store.upload(source, "bucket/rows")
        options = (artifact_path, "s3://bucket/rows", "--to", tmp_path / "to", "--workers", "2")
        with jobs.started_job(*options) as process:
            until(partial(has_parts, tmp_path / "to", 1))
            store.kill()
            out, errors = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert errors.startswith("error: s3://bucket/rows/file-0")
    assert errors.count("\n") == 1


def test_lost_worker_names_the_rows() -> None:
    fragment = job.Fragment("s3://bucket", "a.parquet", "parquet", 1, 1, "a", (3, 5))
    assert str(lost_worker(fragment)).startswith("s3://bucket/a.parquet: its worker process ended")

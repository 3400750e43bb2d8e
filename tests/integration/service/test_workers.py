"""`python -m service --workers 2`: one port, several processes, summed metrics."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.eventually import until
from support.paths import ROOT
from support.service_process import SECONDS, Service, answer, status_of
from support.shutdown_clients import PREDICT, ROWS, Load

from service.observability.prometheus import merge_workers
from service.server.run import main

ANSWERED = 'malignancy_requests_total{route="/predict",status="200"}'
SCRAPE = {"Accept": "text/plain;version=0.0.4"}

# Writes the files of a worker: three metrics.
WORKER = """
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
registry = CollectorRegistry()
Counter("seen", "Seen.", registry=registry).inc(3)
Gauge("doing", "Doing.", registry=registry, multiprocess_mode="livesum").inc(2)
Histogram("took", "Took.", registry=registry, buckets=[1, 2]).observe(1.5)
"""


def run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    ours = {f"MALIGNANCY_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "service", "--workers", "2"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "MALIGNANCY_PORT": "0", **ours},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


class Workers(Service):
    """A running service of two workers."""

    def __init__(self, artifact: Path, folder: Path) -> None:
        super().__init__(artifact, folder / "log.txt", workers=2)
        self.folder = folder

    @property
    def workers(self) -> set[int]:
        """The running processes that have metrics."""
        files = self.folder.glob("malignancy-*/gauge_livesum_*.db")
        return {int(file.stem.rpartition("_")[2]) for file in files}

    def sum_of(self, sample: str) -> float:
        text = httpx.get(f"{self.url}/metrics", headers=SCRAPE).text
        pattern = rf"^{re.escape(sample)}(?:{{.*}})? (\S+)$"
        return sum(float(value) for value in re.findall(pattern, text, re.MULTILINE))


@pytest.fixture
def service(
    artifact_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workers]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Workers(artifact_path, tmp_path) as service:
        service.until_ready(2)
        yield service
        service.process.kill()  # the workers end although the supervisor sends no command
        until(lambda: service.get("/health/live") == b"")


def test_workers_are_summed_replaced_and_stopped(service: Workers) -> None:
    with service.connect() as connection:
        for _ in range(20):
            connection.sendall(PREDICT + b"\r\n" + ROWS)
            assert status_of(answer(connection)) == 200
    assert service.sum_of("malignancy_predictions_total") == 20
    until(lambda: service.sum_of(ANSWERED) == 20)
    assert service.sum_of("malignancy_requests_in_flight") == 1

    # The metrics of processes are those of the supervisor and its workers.
    family = [service.pid, *service.workers]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in family)
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    assert service.sum_of("process_resident_memory_bytes") > 0.9 * resident
    seconds = service.sum_of("process_cpu_seconds_total")

    # Kill one worker under load; only the clients connected to it notice.
    victim = min(service.workers)
    with Load(service.port, 4, kept_alive=False) as load:
        until(lambda: load.answered[200] > 20)
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in service.workers and len(service.workers) == 2)
        more = load.answered[200] + 20
        until(lambda: load.answered[200] > more)
    assert set(load.answered) == {200}
    assert len(load.lost) + load.closed <= 5
    predictions = service.sum_of("malignancy_predictions_total")
    answered = 20 + load.answered[200]
    assert answered <= predictions <= answered + len(load.lost)
    assert service.sum_of("malignancy_requests_in_flight") == 1  # without the dead worker

    assert service.sum_of("process_cpu_seconds_total") >= seconds  # with the dead worker

    # A worker that exits leaves its counts.
    exiting, requests = min(service.workers), service.sum_of(ANSWERED)
    os.kill(exiting, signal.SIGTERM)
    until(lambda: exiting not in service.workers and len(service.workers) == 2)
    assert service.sum_of("malignancy_predictions_total") == predictions
    assert service.sum_of(ANSWERED) == requests

    # Corrupt files in the folder are skipped.
    (folder,) = service.folder.glob("malignancy-*")
    (folder / "new.numbers").write_bytes(b"")
    (folder / "counter_1.db").write_bytes(b"")
    (folder / "histogram_1.db").write_bytes(b"\x40")
    assert service.sum_of("malignancy_predictions_total") == predictions

    service.send_signal(signal.SIGTERM)
    assert service.end() == 0
    assert not folder.exists()
    assert "Traceback" not in service.log.read_text()


def test_sighup_reloads_every_worker(service: Workers) -> None:
    def files() -> list[Path]:
        return list(service.folder.glob("malignancy-*/counter_*.db"))

    def reloads() -> list[float]:
        return [
            sum(sample.value for sample in metric.samples)
            for file in files()
            for metric in merge_workers(isolated(file, service.folder))
            if metric.name == "malignancy_model_reloads"
        ]

    def reloaded() -> bool:
        service.send_signal(signal.SIGHUP)
        return sum(map(bool, reloads())) == 2

    until(lambda: len(files()) == 2)  # both workers have started
    before = service.workers
    until(reloaded)
    assert service.workers == before


def isolated(file: Path, folder: Path) -> Path:
    """Create a folder that contains only a copy of a file."""
    alone = folder / file.stem
    alone.mkdir(exist_ok=True)
    shutil.copy(file, alone)
    return alone


@pytest.fixture(scope="module")
def worker_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    subprocess.run(
        [sys.executable, "-c", WORKER],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        check=True,
    )
    return folder


def samples_of(folder: Path) -> dict[str, float]:
    return {
        sample.name: sample.value
        for metric in merge_workers(folder)
        for sample in metric.samples
        if "le" not in sample.labels
    }


@pytest.mark.parametrize("kind", ["counter", "gauge_livesum", "histogram"])
@pytest.mark.parametrize("length", [0, 1, 3, 4, 8, 11, 12, 40])
def test_a_truncated_file_is_skipped(
    worker_files: Path, tmp_path: Path, kind: str, length: int
) -> None:
    expected = {"seen_total": 3, "doing": 2, "took_count": 1, "took_sum": 1.5}
    for file in worker_files.iterdir():
        shutil.copy(file, tmp_path)
    assert samples_of(tmp_path) == expected
    (file,) = worker_files.glob(f"{kind}_*.db")
    (tmp_path / f"{kind}_0.db").write_bytes(file.read_bytes()[:length])
    assert samples_of(tmp_path) == expected
    (tmp_path / f"{kind}_0.db").write_bytes(bytes(1 << 16))  # a new file
    assert samples_of(tmp_path) == expected
    (tmp_path / f"{kind}_0.db").write_bytes(file.read_bytes()[:8] + bytes(500))
    assert samples_of(tmp_path) == expected


def test_errors_are_reported_before_any_worker_starts(artifact_path: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, artifact=str(tmp_path / "none.joblib"))
    assert ended.returncode == 2
    assert ended.stderr.count("none.joblib: there is no such file") == 1
    ended = run(tmp_path, artifact=str(artifact_path), threshold="2")
    assert ended.returncode == 2
    assert "MALIGNANCY_THRESHOLD (--threshold) must be" in ended.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(tmp_path, artifact=str(artifact_path), port=port)
    assert ended.returncode == 3
    assert f"Port {port} on 127.0.0.1 is in use: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_error_without_a_folder_for_temporary_files(
    artifact_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere(*_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.mkdtemp", nowhere)
    monkeypatch.setattr("service.server.run.configure_logging", lambda *_: None)
    assert main(["--workers", "2", "--port", "0", "--artifact", str(artifact_path)]) == 2
    assert "MALIGNANCY_WORKERS (--workers) above 1 needs a folder" in capsys.readouterr().err

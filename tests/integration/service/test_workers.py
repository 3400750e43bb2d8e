"""`python -m service --workers 2`: one port, several processes, summed metrics."""

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.eventually import until
from support.paths import ROOT

from model.artifacts import artifact
from model.prediction.predictor import Predictor
from service.observability.prometheus import merge_workers
from service.server.run import main

SECONDS = 60
SCRAPE = {"Accept": "text/plain;version=0.0.4"}
ROWS = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}

# Writes the files of a worker: three metrics.
WORKER = """
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
registry = CollectorRegistry()
Counter("seen", "Seen.", registry=registry).inc(3)
Gauge("doing", "Doing.", registry=registry, multiprocess_mode="livesum").inc(2)
Histogram("took", "Took.", registry=registry, buckets=[1, 2]).observe(1.5)
"""


def environment(folder: Path, **settings: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MALIGNANCY_")}
    ours = {f"MALIGNANCY_{name.upper()}": value for name, value in settings.items()}
    always = {"TMPDIR": str(folder), "OPENBLAS_NUM_THREADS": "1", "MALIGNANCY_PORT": "0"}
    return clean | always | ours


def run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", "--workers", "2"],
        cwd=ROOT,
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


class Service:
    """A running service of two workers."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service", "--workers", "2", "--port", "0"],
            cwd=ROOT,
            env=environment(folder, artifact=str(path)),
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        url = None
        while url is None:
            url = re.search(r"running on (http://[\d.:]+)", self.lines.get(timeout=SECONDS))
        self.url = url[1]
        # The supervisor logs the address before any worker listens.
        until(lambda: len(self.workers) == 2 and self.answers())

    def answers(self) -> bool:
        """Return True if any worker answers."""
        try:
            return self.get("/health/live").is_success
        except httpx.TransportError:
            return False

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.put(line)

    @property
    def workers(self) -> set[int]:
        """The running processes that have metrics."""
        files = self.folder.glob("malignancy-*/gauge_livesum_*.db")
        return {int(file.stem.rpartition("_")[2]) for file in files}

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Send a request on a new connection, so that any worker may answer."""
        return httpx.get(self.url + path, headers=headers, verify=False)

    def predict(self) -> httpx.Response:
        return httpx.post(f"{self.url}/predict", json=ROWS, verify=False)

    def sum_of(self, sample: str) -> float:
        text = self.get("/metrics", **SCRAPE).text
        pattern = rf"^{re.escape(sample)}(?:{{.*}})? (\S+)$"
        return sum(float(value) for value in re.findall(pattern, text, re.MULTILINE))

    def close(self) -> None:
        """Kill the supervisor; its workers end although it sends no command."""
        self.process.kill()
        self.process.wait()
        self.reader.join(SECONDS)
        assert not self.reader.is_alive()


@pytest.fixture
def service(predictor: Predictor, tmp_path: Path) -> Iterator[Service]:
    path, folder = tmp_path / "article.joblib", tmp_path / "temporary"
    folder.mkdir()
    artifact.save(predictor, path)
    service = Service(path, folder)
    yield service
    service.close()
    assert service.process.stderr is not None
    service.process.stderr.close()


def test_workers_are_summed_replaced_and_stopped(service: Service) -> None:
    for _ in range(20):
        service.predict()
    assert service.sum_of("malignancy_predictions_total") == 20
    assert service.sum_of("malignancy_requests_in_flight") == 1

    # Kill one worker under load; only the clients connected to it notice.
    stop, answered = threading.Event(), []

    def load() -> None:
        while not stop.is_set():
            try:
                answered.append(service.predict().status_code)
            except httpx.TransportError:
                answered.append(0)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    before = service.workers
    victim = min(before)
    until(lambda: len(answered) > 20)
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in service.workers and len(service.workers) == 2)
    more = len(answered) + 20
    until(lambda: len(answered) > more)
    stop.set()
    for thread in threads:
        thread.join()
    assert set(answered) <= {0, 200}
    assert answered.count(0) <= len(threads) + 1
    predictions = service.sum_of("malignancy_predictions_total")
    assert 20 + answered.count(200) <= predictions <= 20 + len(answered)
    assert service.sum_of("malignancy_requests_in_flight") == 1  # without the dead worker

    # Corrupt files in the folder are skipped.
    (folder,) = service.folder.glob("malignancy-*")
    (folder / "counter_1.db").write_bytes(b"")
    (folder / "histogram_1.db").write_bytes(b"\x40")
    assert service.sum_of("malignancy_predictions_total") == predictions

    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=SECONDS) == 0
    assert not folder.exists()
    service.reader.join()
    assert "Traceback" not in "".join(service.lines.queue)


def test_sighup_reloads_every_worker(service: Service) -> None:
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
        service.process.send_signal(signal.SIGHUP)
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

"""Long form of test_endurance.py: millions of mixed requests to a service whose models change.

The resources of the service must not grow with the requests.

    make soak REQUESTS=5000000

Linux only. The service and its clients have a core each, where there are two.
"""

import asyncio
import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest
import uvloop
from support.client_mix import Traffic
from support.request_mix import Requests
from support.resource_usage import Sample, descriptors, slope, taken_bytes, threads

from model.artifacts import artifact
from model.artifacts.atomic_write import write_atomically
from model.artifacts.repository import make_current
from model.prediction.predictor import Predictor

REQUESTS = int(os.environ.get("REQUESTS", "5_000_000"))
ARTIFACT = os.environ.get("ARTIFACT")  # default: the small model of the article recipe
SAMPLES = min(250, REQUESTS // 2000)
WARM = 0.2  # share of the requests before growth is measured
REQUESTS_PER_SWAP = 5000
VERSIONS = 4  # kept in the folder
SECONDS = 60
MAX_BYTES_PER_MILLION = 1_000_000


@contextmanager
def served(folder: Path, other: Path, log: Path) -> Iterator[tuple[int, int]]:
    """Start a service of two models that logs to a file, and yield its port and process id."""
    command = [sys.executable, "-m", "service", "--port", "0", "--artifact", str(folder)]
    command += ["--extra-artifacts", str(other)]
    # The persistent clients pause while samples are taken.
    settings = {"MALIGNANCY_KEEP_ALIVE_SECONDS": f"{SECONDS}"}
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **settings}
    with log.open("ab") as file, subprocess.Popen(command, stderr=file, env=environment) as process:
        try:
            deadline = time.monotonic() + SECONDS
            while not (found := re.search(r"running on http://[\d.]+:(\d+)", log.read_text())):
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield int(found[1]), process.pid
        finally:
            process.terminate()
            assert process.wait(timeout=SECONDS) == 0


class Versions:
    """Publishes new versions of a model in a folder and of a model in a file."""

    def __init__(self, predictor: Predictor, place: Path) -> None:
        self._predictor, self._number = predictor, 0
        self.folder, self.other = place / "versions", place / "other.joblib"
        self.folder.mkdir()
        for _ in range(VERSIONS):
            self.next()

    def next(self) -> None:
        """Publish a version of each model, and remove the oldest one."""
        self._number += 1
        facts = {**self._predictor.facts, "description": f"version {self._number}"}
        changed = dataclasses.replace(self._predictor, facts=facts)
        file = self.folder / f"{self._number}.joblib"
        write_atomically(file, artifact.to_bytes(changed))
        make_current(file)
        artifact.save(dataclasses.replace(changed, name="other"), self.other)
        (self.folder / f"{self._number - VERSIONS}.joblib").unlink(missing_ok=True)


class Watch:
    """Samples the resources of a service between requests, and checks its log."""

    def __init__(self, port: int, process: int, log: Path) -> None:
        self._url, self._process, self._log = f"http://127.0.0.1:{port}/metrics", process, log
        self.samples: list[Sample] = []

    def take(self, requests: int) -> None:
        """Take one sample."""
        lines = self._scraped().splitlines()
        # The labels that a version has predicted so far are random.
        named = [each for each in lines if each[0] != "#" and "predictions_total" not in each]
        sample = Sample(
            requests,
            taken_bytes(self._process),
            self._descriptors(),
            threads(self._process),
            len(named),
        )
        self.samples.append(sample)
        logged = self._log.read_bytes()
        os.truncate(self._log, 0)
        for word in (b'"level":"error"', b'"level": "error"', b"Traceback"):
            assert word not in logged, logged[logged.index(word) - 500 :][:3000]

    def _scraped(self) -> str:
        return httpx.get(self._url, headers={"Accept": "text/plain"}, timeout=SECONDS).text

    def _descriptors(self) -> int:
        """Return the number of descriptors as soon as lingering connections are closed."""
        deadline, lowest = time.monotonic() + 3, descriptors(self._process)
        expected = self.samples[-1].descriptors if self.samples else 0
        while lowest > expected and time.monotonic() < deadline:
            time.sleep(0.02)
            lowest = min(lowest, descriptors(self._process))
        return lowest


async def soak(traffic: Traffic, versions: Versions, watch: Watch, process: int) -> None:
    async def swap() -> None:
        due = traffic.sent
        while True:
            if traffic.sent >= due:
                due += REQUESTS_PER_SWAP
                await asyncio.to_thread(versions.next)
                os.kill(process, signal.SIGHUP)
            await asyncio.sleep(0.02)

    swapping = asyncio.create_task(swap())
    begin = time.perf_counter()
    try:
        for number in range(1, SAMPLES + 1):
            await traffic.until(REQUESTS * number // SAMPLES)
            assert not swapping.done()
            watch.take(traffic.sent)
            if not number % max(1, SAMPLES // 25):
                rate = traffic.sent / (time.perf_counter() - begin)
                print(f"{rate:,.0f} requests per second", watch.samples[-1], flush=True)
    finally:
        swapping.cancel()
        await traffic.end()


@pytest.mark.timeout(8 * 3600)
def test_no_resource_grows_with_the_requests(
    predictor: Predictor, tmp_path: Path, figures: Callable[[str], None]
) -> None:
    if ARTIFACT is not None:
        predictor = artifact.load(Path(ARTIFACT))
    versions, log, draw = Versions(predictor, tmp_path), tmp_path / "log.txt", Random(0)
    requests = Requests(predictor.schema.names, predictor.name, draw)
    cores = sorted(os.sched_getaffinity(0))
    with served(versions.folder, versions.other, log) as (port, process):
        if len(cores) > 1:
            os.sched_setaffinity(process, cores[:1])
            os.sched_setaffinity(0, cores[1:])
        try:
            traffic, watch = Traffic(port, requests, draw), Watch(port, process, log)
            uvloop.run(soak(traffic, versions, watch, process))
        finally:
            os.sched_setaffinity(0, cores)
    print(f"{traffic.sent:,} requests and {traffic.left:,} disconnected clients")
    print(f"responses by status: {sorted(traffic.statuses.items())}")
    assert traffic.statuses[503] < traffic.sent / 100
    warm = [each for each in watch.samples if each.requests > WARM * traffic.sent]
    x = [each.requests / 1e6 for each in warm]
    of = {
        name: slope(x, [getattr(each, name) for each in warm])
        for name in ("bytes", "descriptors", "threads", "series")
    }
    for name, (middle, low, high) in of.items():
        print(f"{name} per million requests: {middle:,.1f} (95 %: {low:,.1f} to {high:,.1f})")
    middle, low, _ = of["bytes"]
    assert low <= 0 or middle < MAX_BYTES_PER_MILLION
    assert {of[name][0] for name in ("descriptors", "threads", "series")} == {0.0}
    middle, low, high = (each / 1e6 for each in of["bytes"])
    figures(
        f"{traffic.sent} requests and {traffic.left} disconnected clients: "
        f"{middle:+.2f} MB per million "
        f"(95 %: {low:+.2f} to {high:+.2f}); descriptors, threads and series constant"
    )

"""The long form of test_reloading.py: a thousand swaps under load, half of them bad files."""

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from integration.service.test_reloading import ROW, Load, other
from support.eventually import SECONDS, until

from model.artifacts import artifact
from model.artifacts.atomic_write import write_atomically
from model.artifacts.repository import make_current
from model.prediction.predictor import Predictor

SWAPS = 1000
VERSIONS = 4


@contextmanager
def served(path: Path, log: Path) -> Iterator[tuple[str, int]]:
    """The address and the process id of a service; what it logs goes to a file, being a lot."""
    command = [sys.executable, "-m", "service", "--port", "0", "--artifact", str(path)]
    with log.open("w") as file, subprocess.Popen(command, stderr=file) as process:
        try:
            until(lambda: "running on" in log.read_text())
            found = re.search(r"running on (http://[\d.]+:\d+)", log.read_text())
            assert found
            yield found[1], process.pid
        finally:
            process.terminate()
            assert process.wait(timeout=SECONDS) == 0


def spoiled(good: bytes, draw: random.Random) -> bytes:
    """A file that is refused, in one of several ways."""
    flipped = bytearray(good)
    flipped[draw.randrange(200)] ^= 0xFF  # within its pickle's frame or its metadata
    ways = [good[:-1], good[: draw.randrange(len(good))], good + b"\0", b"", bytes(flipped)]
    return draw.choice([*ways, b"cos\nsystem\n(S'true'\ntR."])


@pytest.mark.timeout(3600)
def test_a_thousand_swaps(
    predictor: Predictor, tmp_path: Path, figures: Callable[[str], None]
) -> None:
    draw = random.Random(0)
    versions = [other(predictor, number) for number in range(VERSIONS)]
    contents = [artifact.to_bytes(version) for version in versions]
    titles = []
    folder, log = tmp_path / "versions", tmp_path / "log.txt"
    folder.mkdir()
    for number, content in enumerate(contents):
        write_atomically(folder / f"{number}.joblib", content)
        titles.append(artifact.from_bytes(content).title)
    make_current(folder / "0.joblib")
    good = bad = 0
    with served(folder, log) as (url, process), httpx.Client(base_url=url) as client:

        def health() -> dict[str, Any]:
            answer = client.get("/health/ready")
            assert answer.status_code == 200
            return dict(answer.json())

        def is_served(title: str) -> bool:
            told = health()
            return bool(told["model"] == title and "failures" not in told)

        with Load(url) as load:
            serving = titles[0]
            for number in range(SWAPS):
                if number % 2:
                    write_atomically(folder / "bad.joblib", spoiled(contents[0], draw))
                    make_current(folder / "bad.joblib")
                    os.kill(process, signal.SIGHUP)
                    until(lambda: "failures" in health())
                    assert health()["model"] == serving
                    bad += 1
                    continue
                which = number // 2 % VERSIONS
                make_current(folder / f"{which}.joblib")
                serving = titles[which]
                os.kill(process, signal.SIGHUP)
                until(partial(is_served, serving))
                good += 1
    assert (good, bad) == (SWAPS / 2, SWAPS / 2)
    assert load.failures == []
    row = np.array(ROW["instances"], dtype=float)
    expected = {
        title: version.predict(row)[0, 0] for title, version in zip(titles, versions, strict=True)
    }
    assert {answer["model"] for answer in load.answers} == set(titles)
    for answer in load.answers:  # each was computed by the version that it names
        probability = answer["predictions"][0]["probability"]
        assert probability == pytest.approx(expected[answer["model"]], rel=1e-9)
    figures(f"{good} good and {bad} bad swaps, {len(load.answers)} answers, none lost or wrong")

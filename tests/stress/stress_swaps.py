"""Long form of test_reloading.py: 1000 swaps under load, half of them to invalid files."""

import random
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from integration.service.test_reloading import ROW, Load, other_version
from support.eventually import until
from support.service_process import running_service

from model.artifacts import artifact
from model.artifacts.atomic_write import write_atomically
from model.artifacts.repository import make_current
from model.prediction.predictor import Predictor

SWAPS = 1000
VERSIONS = 4


def corrupted(good: bytes, draw: random.Random) -> bytes:
    """Return an invalid file, of one of several kinds."""
    flipped = bytearray(good)
    flipped[draw.randrange(200)] ^= 0xFF  # in the pickle frame or the metadata
    kinds = [good[:-1], good[: draw.randrange(len(good))], good + b"\0", b"", bytes(flipped)]
    return draw.choice([*kinds, b"cos\nsystem\n(S'true'\ntR."])


@pytest.mark.timeout(3600)
def test_a_thousand_swaps(
    predictor: Predictor, tmp_path: Path, figures: Callable[[str], None]
) -> None:
    draw = random.Random(0)
    versions = [other_version(predictor, number) for number in range(VERSIONS)]
    contents = [artifact.to_bytes(version) for version in versions]
    titles = []
    folder, log = tmp_path / "versions", tmp_path / "log.txt"
    folder.mkdir()
    for number, content in enumerate(contents):
        write_atomically(folder / f"{number}.joblib", content)
        titles.append(artifact.from_bytes(content).title)
    make_current(folder / "0.joblib")
    good = bad = 0
    with running_service(folder, log) as service, httpx.Client(base_url=service.url) as client:

        def health() -> dict[str, Any]:
            answer = client.get("/health/ready")
            assert answer.status_code == 200
            return dict(answer.json())

        def is_served(title: str) -> bool:
            found = health()
            return bool(found["model"] == title and "failures" not in found)

        with Load(service.url) as load:
            serving = titles[0]
            for number in range(SWAPS):
                if number % 2:
                    write_atomically(folder / "bad.joblib", corrupted(contents[0], draw))
                    make_current(folder / "bad.joblib")
                    service.send_signal(signal.SIGHUP)
                    until(lambda: "failures" in health())
                    assert health()["model"] == serving
                    bad += 1
                    continue
                which = number // 2 % VERSIONS
                make_current(folder / f"{which}.joblib")
                serving = titles[which]
                service.send_signal(signal.SIGHUP)
                until(partial(is_served, serving))
                good += 1
    assert (good, bad) == (SWAPS / 2, SWAPS / 2)
    assert load.failures == []
    row = np.array(ROW["instances"], dtype=float)
    expected = {
        title: version.predict(row)[0, 0] for title, version in zip(titles, versions, strict=True)
    }
    assert {answer["model"] for answer in load.answers} == set(titles)
    for answer in load.answers:  # computed by the version that it names
        probability = answer["predictions"][0]["probability"]
        assert probability == pytest.approx(expected[answer["model"]], rel=1e-9)
    figures(
        f"{good} valid and {bad} invalid swaps, {len(load.answers)} answers, none lost or wrong"
    )

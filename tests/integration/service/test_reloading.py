"""A running service swaps model versions under load without a lost request."""

import dataclasses
import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from support.eventually import until

from model.artifacts import artifact
from model.artifacts.repository import make_current
from model.prediction.predictor import Predictor, SelfTest

ROW = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}
CLIENTS = 4


def other_version(predictor: Predictor, number: int) -> Predictor:
    """Return a version with other weights."""
    changed = dataclasses.replace(predictor, theta=predictor.theta * (1 - number / 50))
    rows = predictor.self_test.rows
    return dataclasses.replace(changed, self_test=SelfTest(rows, changed.predict(rows)))


class Load:
    """Clients that send requests without a pause, and record answers and failures."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[dict[str, Any]] = []
        self.failures: list[object] = []
        self._end = threading.Event()
        self._clients = [threading.Thread(target=self._send_requests) for _ in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for client in self._clients:
            client.join()

    def _send_requests(self) -> None:
        with httpx.Client(base_url=self.url) as client:
            while not self._end.is_set():
                try:
                    answer = client.post("/predict", json=ROW)
                except httpx.HTTPError as error:
                    self.failures.append(error)
                    continue
                if answer.status_code == 200:
                    self.answers.append(answer.json())
                else:
                    self.failures.append(answer.text)


@pytest.mark.slow
def test_versions_are_swapped_under_load(
    predictor: Predictor,
    tmp_path: Path,
    start_service: Callable[..., AbstractContextManager[tuple[int, int]]],
) -> None:
    versions = [other_version(predictor, number) for number in range(4)]
    files = [tmp_path / f"{number}.joblib" for number in range(4)]
    titles = [
        f"{predictor.name}@{artifact.save(version, file)[:12]}"
        for version, file in zip(versions, files, strict=True)
    ]
    broken = tmp_path / "broken.joblib"
    broken.write_bytes(files[0].read_bytes()[:-1])
    make_current(files[0])
    with start_service(tmp_path) as (port, process), httpx.Client() as client:
        client.base_url = httpx.URL(f"http://127.0.0.1:{port}")

        def health() -> dict[str, Any]:
            answer = client.get("/health/ready")
            assert answer.status_code == 200
            return dict(answer.json())

        def serves(title: str) -> bool:
            return bool(health()["model"] == title)

        with Load(str(client.base_url)) as load:
            for round_ in range(2):
                for file, title in zip(files, titles, strict=True):
                    make_current(file)
                    if round_:  # in the first round, polling notices the change
                        os.kill(process, signal.SIGHUP)
                    until(partial(serves, title))
                make_current(broken)
                until(lambda: "failures" in health())
                assert health()["failures"][predictor.name].startswith(f"{tmp_path.name}/broken")
                assert health()["model"] == titles[-1]
                make_current(files[-1])
                until(lambda: "failures" not in health())
        old = client.post(f"/models/article/versions/{titles[0][-12:]}/predict", json=ROW)
        assert old.json()["model"] == titles[0]
    assert load.failures == []
    row = np.array(ROW["instances"], dtype=float)
    expected = {
        title: version.predict(row)[0, 0] for title, version in zip(titles, versions, strict=True)
    }
    assert {answer["model"] for answer in load.answers} == set(titles)
    for answer in load.answers:  # computed by the version that it names
        probability = answer["predictions"][0]["probability"]
        assert probability == pytest.approx(expected[answer["model"]], rel=1e-9)

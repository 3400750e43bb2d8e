"""A service with a canary version: every path and format chooses the same version of a request."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from model.artifacts import artifact
from model.artifacts.repository import make_current
from model.prediction.predictor import Predictor
from service.registry.canary import Canary
from service.request_context import RequestContext

pytestmark = pytest.mark.process
ROW = [5, 1, 1, 1, 2, 1, 3, 1, 1]


def test_requests_are_divided(
    tmp_path: Path,
    predictor: Predictor,
    start_service: Callable[..., AbstractContextManager[tuple[int, int]]],
) -> None:
    changed = replace(predictor, theta=predictor.theta * 0.9)
    rows = changed.self_test.rows
    self_test = replace(changed.self_test, predictions=changed.predict(rows))
    for name, saved in (("a", predictor), ("b", replace(changed, self_test=self_test))):
        artifact.save(saved, tmp_path / f"{name}.joblib")
    make_current(tmp_path / "a.joblib")
    active, other = (artifact.load(tmp_path / f"{name}.joblib") for name in "ab")
    digest = other.version[:12]
    canary = Canary(digest, 30)
    ids = [f"request-{number}" for number in range(60)]
    expected = [(other if canary.takes(RequestContext(each)) else active).title for each in ids]
    assert 5 < expected.count(other.title) < 35
    header, cells = ",".join(active.schema.names), ",".join(map(str, ROW))
    tensor = {"name": "input", "shape": [1, 9], "datatype": "FP64", "data": ROW}
    with (
        start_service(tmp_path, canary=f"{digest}:30") as (port, _),
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        for each, title in zip(ids, expected, strict=True):
            headers = {"X-Request-ID": each}
            csv = headers | {"Content-Type": "text/csv"}
            body = {"instances": [ROW]}
            answer = client.post("/predict", json=body, headers=headers)
            assert answer.json()["model"] == title
            answer = client.post("/models/article/predict", json=body, headers=headers)
            assert answer.json()["model"] == title
            answer = client.post("/predict", content=f"{header}\n{cells}\n", headers=csv)
            assert title in str(answer.headers)
            answer = client.post(
                "/v2/models/article/infer", json={"inputs": [tensor]}, headers=headers
            )
            assert answer.json()["model_version"].startswith(title.partition("@")[2])
            path = f"/models/article/versions/{active.version[:12]}/predict"
            assert client.post(path, json=body, headers=headers).json()["model"] == active.title
        text = client.get("/metrics", headers={"Accept": "text/plain"}).text
        for title in (active.title, other.title):
            assert f'malignancy_predictions_total{{label="benign",model="{title}"}}' in text
        assert client.get("/models/article").json()["version"] == active.version

"""Tests of service.routes.health: live, ready and not ready."""

import dataclasses
from pathlib import Path

import httpx
import pytest

from model.errors import ArtifactError
from model.prediction.predictor import Predictor, SelfTest
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio


async def get(predictor: Predictor, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def test_live(predictor: Predictor) -> None:
    answer = await get(predictor, "/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
async def test_ready(predictor: Predictor, path: str) -> None:
    answer = await get(predictor, path)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "model": predictor.title,
        "models": [predictor.title],
    }


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
async def test_not_ready_when_the_self_test_fails(predictor: Predictor, path: str) -> None:
    other = SelfTest(predictor.self_test.rows, 1 - predictor.self_test.predictions)
    broken = dataclasses.replace(predictor, self_test=other)
    answer = await get(broken, path)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
    assert (await get(broken, "/health/live")).status_code == 200


def test_a_missing_artifact_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no such file"):
        create_app(Settings(artifact=tmp_path / "none.joblib"))

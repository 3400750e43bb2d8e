"""Tests of service.routes.kserve: protocol V1 of KServe, and TensorFlow Serving's paths."""

import hashlib
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from model.prediction.predictor import Predictor, SelfTest
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

ROWS = [[5, 1, 1, 1, 2, 1, 3, 1, 1], [10] * 9]
KEY = f"key:predict:{hashlib.sha256(b'secret').hexdigest()}"


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> FastAPI:
    return create_app(Settings(), predictor)


def paths(predictor: Predictor) -> tuple[str, str]:
    path = f"/v1/models/{predictor.name}"
    return path, f"{path}/versions/{predictor.version[:12]}"


async def test_predictions(client: httpx.AsyncClient, predictor: Predictor) -> None:
    names = predictor.schema.names
    columns = {name: [row[place] for row in ROWS] for place, name in enumerate(names)}
    bodies: list[Any] = [
        {"instances": ROWS},
        {"instances": [dict(zip(names, row, strict=True)) for row in ROWS]},
        {"inputs": columns, "signature_name": "serving_default"},
        {"instances": ROWS, "parameters": None},
    ]
    expected = (await client.post("/predict", json=bodies[0])).json()
    for path in paths(predictor):
        for body in bodies:
            answer = await client.post(f"{path}:predict", json=body)
            assert (answer.status_code, answer.json()) == (200, expected)
    (first, _) = paths(predictor)
    single = await client.post(f"{first}:predict", json=bodies[1]["instances"][0])
    assert single.json()["probability"] == expected["predictions"][0]["probability"]


async def test_state_of_a_model(client: httpx.AsyncClient, predictor: Predictor) -> None:
    assert (await client.get("/v1/models")).json() == {"models": [predictor.name]}
    for path in paths(predictor):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert (answer.json()["name"], answer.json()["ready"]) == (predictor.name, True)
        (version,) = answer.json()["model_version_status"]
        assert (version["version"], version["state"]) == (predictor.version, "AVAILABLE")
        assert version["status"] == {"error_code": "OK", "error_message": ""}


async def test_errors_are_those_of_the_protocol(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    path, version = paths(predictor)
    for answer, status, error in (
        (await client.get("/v1/models/none"), 404, "no model of this name"),
        (await client.get(f"{path}/versions/0123456789ab"), 404, "no version of this model"),
        (await client.post("/v1/models/none:predict", json={}), 404, "no model of this name"),
        (await client.post(f"{path}:explain", json={}), 405, "does not support this method"),
        (await client.post(f"{path}:predict", json={"rows": []}), 400, "body must have one of"),
        (
            await client.post(f"{version}:predict", json={"instances": [[11] * 9]}),
            400,
            "instances.0.clump_thickness must be an integer from 1 to 10",
        ),
        (await client.post(f"{path}:predict", content=b"{"), 400, "The body is malformed"),
    ):
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        assert answer.headers["content-type"] == "application/json"
        assert error in answer.json()["error"]


async def test_a_model_that_is_not_ready(predictor: Predictor) -> None:
    failing = SelfTest(predictor.self_test.rows[:1], np.full((1, 1), 0.5))
    app = create_app(Settings(), replace(predictor, self_test=failing))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(f"/v1/models/{predictor.name}")
        assert (answer.status_code, list(answer.json())) == (503, ["error"])


async def test_only_the_state_needs_no_key(predictor: Predictor) -> None:
    app = create_app(Settings(api_keys=KEY), predictor)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in paths(predictor):
            assert (await client.get(path)).status_code == 200
            assert (await client.post(path)).status_code == 401
            body = {"instances": ROWS}
            assert (await client.post(f"{path}:predict", json=body)).status_code == 401
            headers = {"X-API-Key": "key.secret"}
            answer = await client.post(f"{path}:predict", json=body, headers=headers)
            assert answer.status_code == 200
        assert (await client.get("/v1/models")).status_code == 401

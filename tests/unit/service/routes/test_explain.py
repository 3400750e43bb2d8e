"""POST /explain: what it answers, how it ends, and what it may take."""

import json
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.types import Message

from model.explanation.parts import finish
from model.explanation.reference import reference_of
from model.explanation.shapley import exact_shapley_values
from model.network.layers import Dense
from model.network.network import Network
from model.prediction.encoder import Encoder
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from model.prediction.training_sample import TrainingSample
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio
FEATURES = 300


@pytest.fixture
def wide() -> Predictor:
    """A model of 300 features, with members that disagree."""
    generator = np.random.default_rng(0)
    network = Network([Dense(16, "relu"), Dense(1)], FEATURES)
    theta = network.initial_parameters([np.random.default_rng(seed) for seed in range(4)])
    features = tuple(Feature(name=f"x{n}", minimum=-9, maximum=9) for n in range(FEATURES))
    rows = generator.normal(size=(200, FEATURES))
    scored = ScoredRows.ungrouped(np.empty((0, 1), dtype=bool), np.empty((0, 1)))
    predictor = Predictor(
        name="wide",
        schema=Schema(features=features, target=Binary(negative="no", positive="yes")),
        encoder=Encoder(
            (0,) * FEATURES,
            ("",) * FEATURES,
            np.zeros(FEATURES),
            np.zeros(FEATURES),
            np.ones(FEATURES),
        ),
        network=network,
        theta=theta,
        operating_points={"default": 0.5},
        train=scored,
        validation=scored,
        self_test=SelfTest(rows[:1], np.zeros((1, 1))),
        sample=TrainingSample(rows, rows[:, :1] > 0),
        version="0" * 64,
    )
    return replace(predictor, self_test=SelfTest(rows[:1], predictor.predict(rows[:1])))


def client_of(predictor: Predictor, **settings: Any) -> httpx.AsyncClient:
    app = create_app(Settings(**settings), predictor)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


async def test_values_are_those_of_the_model(wisconsin: Predictor) -> None:
    assert wisconsin.sample is not None
    row = wisconsin.sample.rows[120]
    body = [None if np.isnan(each) else int(each) for each in row]
    async with client_of(wisconsin) as client:
        answer = await client.post(
            "/explain", params={"reference": "negative"}, json={"instances": [body]}
        )
        assert answer.status_code == 200
        (found,) = answer.json()["explanations"]
        predicted = (await client.post("/predict", json={"instances": [body]})).json()
    assert {name: found[name] for name in predicted["predictions"][0]} == predicted["predictions"][
        0
    ]
    assert answer.json()["threshold"] == predicted["threshold"]
    reference = reference_of(wisconsin, "negative")
    values = finish(exact_shapley_values(wisconsin, wisconsin.encode(row[np.newaxis]), reference))
    shown = found["shapley"]["probability"]
    assert list(shown["values"].values()) == pytest.approx(values.values[0, :, 0].tolist())
    assert shown["reference"] + sum(shown["values"].values()) == pytest.approx(found["probability"])
    assert answer.json()["reference"]["name"] == "negative"
    assert answer.json()["reference"]["rows"] == 100
    assert found["certainty"]["level"] == 0.99


async def test_many_rows_of_many_features_are_explained(wide: Predictor) -> None:
    rows = np.random.default_rng(1).normal(size=(20, FEATURES)).round(3).tolist()
    async with client_of(wide) as client:
        answer = await client.post("/explain", json={"instances": rows})
        more = await client.post("/explain", json={"instances": [*rows, rows[0]]})
    assert answer.status_code == 200
    for each in answer.json()["explanations"]:
        shapley = each["shapley"]
        assert shapley["method"] == "sampled"
        assert shapley["standard_error"] > 0
        total = shapley["probability"]["reference"] + sum(shapley["probability"]["values"].values())
        assert total == pytest.approx(each["probability"], abs=1e-6)
    assert more.status_code == 422
    assert "20" in more.json()["errors"][0]["rule"]


async def test_work_is_charged_to_the_memory_for_requests(wide: Predictor) -> None:
    row = [0.5] * FEATURES
    async with client_of(wide, max_request_memory_bytes=1 << 20) as client:
        answer = await client.post("/explain", json={"instances": [row]})
        assert answer.status_code in (413, 503)
        assert (await client.post("/predict", json={"instances": [row]})).status_code == 200


async def test_explanations_end_when_the_client_disconnects(wide: Predictor) -> None:
    app: FastAPI = create_app(Settings(), wide)
    body = json.dumps({"instances": [[0.5] * FEATURES] * 20}).encode()
    messages: list[Message] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/explain",
        "raw_path": b"/explain",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "scheme": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "root_path": "",
    }
    await app(scope, receive, send)
    assert [message for message in sent if message["type"] == "http.response.body"] == []


async def test_a_row_that_may_not_change_has_no_counterfactuals(kinds: Predictor) -> None:
    features = tuple(
        feature.model_copy(update={"actionable": "no"}) for feature in kinds.schema.features
    )
    schema = kinds.schema.model_copy(update={"features": features})
    async with client_of(replace(kinds, schema=schema)) as client:
        body = {"instances": [dict(zip(schema.names, [9, "red", True, 5], strict=True))]}
        answer = await client.post("/explain", json=body)
    assert answer.status_code == 200
    found = answer.json()["explanations"][0].get("counterfactuals", {})
    for each in found.get("labels", {"": found}).values():
        assert each.get("found", []) == []


async def test_labels_of_too_few_rows_are_named(wide: Predictor) -> None:
    async with client_of(wide) as client:
        body = {"instances": [[0] * FEATURES]}
        answer = await client.post("/explain?include=certainty", json=body)
    (found,) = answer.json()["explanations"]
    assert found["certainty"]["too_few_rows"] == ["no", "yes"]
    assert found["certainty"]["set"] == ["no", "yes"]

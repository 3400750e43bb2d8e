"""Tests of service.routes.predict: POST /predict with JSON."""

import dataclasses
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from model.prediction.encoder import Encoder
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.app import create_app
from service.inference.execution import INLINE_BYTES
from service.settings import SettingError, Settings

pytestmark = pytest.mark.anyio

NAMES = (
    "clump_thickness uniformity_of_cell_size uniformity_of_cell_shape marginal_adhesion "
    "single_epithelial_cell_size bare_nuclei bland_chromatin normal_nucleoli mitoses"
).split()
BENIGN = dict(zip(NAMES, (5, 1, 1, 1, 2, 1, 3, 1, 1), strict=True))
MALIGNANT = dict.fromkeys(NAMES, 10)


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> FastAPI:
    return create_app(Settings(max_body_bytes=100_000, max_rows=1_000), predictor)


async def test_one_instance(client: httpx.AsyncClient, predictor: Predictor) -> None:
    answer = await client.post("/predict", json=BENIGN)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    expected = predictor.predict(np.array([list(BENIGN.values())], dtype=float))
    assert answer.json() == {
        "probability": pytest.approx(expected[0, 0], rel=1e-12),
        "label": "benign",
        "threshold": 0.5,
        "model": predictor.title,
    }
    assert re.fullmatch(r"article@[0-9a-f]{12}", predictor.title)


async def test_many_instances_in_order(client: httpx.AsyncClient, predictor: Predictor) -> None:
    objects = await client.post("/predict", json={"instances": [BENIGN, MALIGNANT]})
    arrays = [list(row.values()) for row in (BENIGN, MALIGNANT)]
    answer = objects.json()
    assert list(answer) == ["predictions", "threshold", "model"]
    assert [each["label"] for each in answer["predictions"]] == ["benign", "malignant"]
    assert [set(each) for each in answer["predictions"]] == [{"probability", "label"}] * 2
    assert answer["model"] == predictor.title
    assert (await client.post("/predict", json={"instances": arrays})).json() == answer


async def test_missing_values_are_imputed_and_named(client: httpx.AsyncClient) -> None:
    null = {**BENIGN, "bare_nuclei": None}
    absent = {name: value for name, value in BENIGN.items() if name != "bare_nuclei"}
    answers = [(await client.post("/predict", json=row)).json() for row in (null, absent)]
    assert answers[0] == answers[1]
    assert answers[0]["imputed"] == ["bare_nuclei"]
    many = await client.post("/predict", json={"instances": [BENIGN, absent, null]})
    imputed = [each.get("imputed") for each in many.json()["predictions"]]
    assert imputed == [None, ["bare_nuclei"], ["bare_nuclei"]]


@pytest.mark.parametrize(
    ("query", "threshold"),
    [
        ("", 0.5),
        ("?threshold=0.7", 0.7),
        ("?threshold=0", 0),
        ("?threshold=-0", 0),
        ("?threshold=1", 1),
        ("?threshold=1e-3", 0.001),
        ("?threshold=default", 0.5),
    ],
)
async def test_the_query_sets_the_threshold(
    client: httpx.AsyncClient, query: str, threshold: float
) -> None:
    answer = (await client.post(f"/predict{query}", json=BENIGN)).json()
    assert answer["threshold"] == threshold
    expected = "malignant" if answer["probability"] > threshold else "benign"
    assert answer["label"] == expected


async def test_parameters_set_the_threshold(client: httpx.AsyncClient) -> None:
    body = {"instances": [BENIGN, MALIGNANT], "parameters": {"threshold": 0.999999}}
    answer = await client.post("/predict", json=body)
    assert answer.json()["threshold"] == 0.999999
    assert {each["label"] for each in answer.json()["predictions"]} == {"benign"}
    unknown = await client.post("/predict", json={**BENIGN, "parameters": {"threshold": 0.5}})
    (error,) = unknown.json()["errors"]
    assert error == {"field": "parameters", "rule": "is not a feature of this model"}
    table = await client.post("/predict", json=body, headers={"Accept": "text/csv"})
    (error,) = table.json()["errors"]
    assert (table.status_code, error["field"]) == (422, "parameters.threshold")
    assert error["rule"] == "must be in the query if the answer is a table: ?threshold="


async def test_positive_is_strictly_above(client: httpx.AsyncClient) -> None:
    probability = (await client.post("/predict", json=BENIGN)).json()["probability"]
    at = await client.post("/predict", params={"threshold": repr(probability)}, json=BENIGN)
    assert at.json()["threshold"] == probability
    assert at.json()["label"] == "benign"
    below = {"threshold": repr(float(np.nextafter(probability, 0)))}
    assert (await client.post("/predict", params=below, json=BENIGN)).json()["label"] == "malignant"


@pytest.mark.parametrize("value", ["1.1", "-0.1", "nan", "inf", "", "high", "0_1", "+", "٠", "%FF"])
async def test_an_invalid_threshold(client: httpx.AsyncClient, value: str) -> None:
    answer = await client.post(f"/predict?threshold={value}", json=BENIGN)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "field": "threshold",
            "rule": "must be a number from 0 to 1, or one of the operating points: default",
        }
    ]


@pytest.mark.parametrize(
    ("query", "field", "rule"),
    [
        ("threshold=0.1&threshold=0.2", "threshold", "must be given once"),
        ("treshold=0.9", "query", "may only hold threshold and on_error"),
    ],
)
async def test_an_invalid_query(
    client: httpx.AsyncClient, query: str, field: str, rule: str
) -> None:
    answer = await client.post(f"/predict?{query}", json=BENIGN)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": field, "rule": rule}]


@pytest.mark.parametrize(("setting", "threshold"), [("0.25", 0.25), ("default", 0.5)])
async def test_the_setting_is_the_default_threshold(
    predictor: Predictor, setting: str, threshold: float
) -> None:
    app = create_app(Settings(threshold=setting), predictor)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.post("/predict", json=BENIGN)).json()["threshold"] == threshold
        other = await client.post("/predict?threshold=0.9", json=BENIGN)
        assert other.json()["threshold"] == 0.9


@pytest.mark.parametrize("setting", ["2", "screening", "nan"])
def test_an_invalid_threshold_setting_stops_the_start(predictor: Predictor, setting: str) -> None:
    with pytest.raises(SettingError, match=r"^MALIGNANCY_THRESHOLD \(--threshold\) must be "):
        create_app(Settings(threshold=setting), predictor)


async def test_an_error_names_the_field_and_not_the_value(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict", json={**BENIGN, "mitoses": 31337})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"] == [
        {"field": "mitoses", "rule": "must be an integer from 1 to 10"}
    ]
    assert "31337" not in answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_other_methods_are_405(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/predict")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"


async def test_a_large_body_is_413_with_and_without_content_length(
    client: httpx.AsyncClient,
) -> None:
    body = json.dumps(BENIGN).encode().ljust(100_001)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    for content in (body, chunks()):
        answer = await client.post("/predict", content=content)
        assert answer.status_code == 413
        assert answer.json()["detail"] == "The body must have at most 100000 bytes."
    assert (await client.post("/predict", content=body[:-1])).status_code == 200


async def test_a_large_request_equals_a_small_one(client: httpx.AsyncClient) -> None:
    rows = [list(BENIGN.values()), list(MALIGNANT.values())] * 500
    body = json.dumps({"instances": rows}, indent=1).encode()
    assert len(body) > INLINE_BYTES
    predictions = (await client.post("/predict", content=body)).json()["predictions"]
    assert len(predictions) == 1000
    few = (await client.post("/predict", json={"instances": rows[:2]})).json()["predictions"]
    assert [p["label"] for p in predictions] == [p["label"] for p in few] * 500
    for index, each in enumerate(predictions):  # another batch size may round differently
        assert each["probability"] == pytest.approx(few[index % 2]["probability"], rel=1e-9)


async def test_too_many_rows(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict", json={"instances": [list(BENIGN.values())] * 1001})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "instances", "rule": "must have at most 1000 rows"}
    ]


async def test_a_client_that_disconnects_gets_no_answer(app: FastAPI) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
    await app({**scope, "query_string": b""}, receive, send)
    assert sent == []


async def test_values_that_overflow_are_rejected(predictor: Predictor) -> None:
    names = [Feature(name=f"x{each}") for each in range(9)]
    tiny = np.full(9, 1e-300)
    unbounded = dataclasses.replace(
        predictor,
        schema=Schema(features=tuple(names), target=Binary(negative="no", positive="yes")),
        encoder=Encoder((0,) * 9, ("",) * 9, fill=tiny, center=tiny, spread=tiny),
    )
    transport = httpx.ASGITransport(app=create_app(Settings(), unbounded))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        row = {feature.name: 1e300 for feature in names}
        one = await client.post("/predict", json=row)
        one_in_csv = await client.post("/predict", json=row, headers={"Accept": "text/csv"})
        many = {"instances": [dict.fromkeys(row, 0), row]}
        in_csv = await client.post("/predict", json=many, headers={"Accept": "text/csv"})
    rule = "must hold values small enough for a finite answer"
    for answer, field in ((one, "body"), (one_in_csv, "body"), (in_csv, "instances.1")):
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": field, "rule": rule}]


fragments = '"instances": { } [ ] , 1 31337 null true NaN 1e999 "\\ud800" \x00 é'.split(" ")
parts = st.sampled_from([*(f'"{name}":' for name in NAMES), *fragments])
bodies = (
    st.binary(max_size=200)
    | st.lists(parts, max_size=40).map(lambda each: "".join(each).encode())
    | st.dictionaries(st.sampled_from([*NAMES, "instances", "x"]), st.integers() | st.floats()).map(
        lambda each: json.dumps(BENIGN | each).encode()
    )
)


@given(body=bodies)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_body_is_answered_or_rejected(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"X-Request-ID": "any"}  # a generated id might contain the digits asserted below
    answer = await client.post("/predict", content=body, headers=headers)
    assert answer.status_code in {200, 400, 413, 415, 422}
    document: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert document["status"] == answer.status_code
        assert len(document.get("errors", [])) <= 10
        assert "31337" not in answer.text

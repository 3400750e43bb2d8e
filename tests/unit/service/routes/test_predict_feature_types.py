"""Predictions of a model with numbers, categories, booleans and a transform."""

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.raw_values import is_valid

from model.artifacts import artifact
from model.network.layers import Dense
from model.network.network import Network
from model.prediction.encoder import Encoder
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.app import create_app
from service.codecs.json.parser import InstanceParser
from service.problems import Problem
from service.settings import Settings

pytestmark = pytest.mark.anyio

COLOURS = ("red", "dark blue", "grün")
SCHEMA = Schema(
    features=(
        Feature(name="size", minimum=0, unit="mm"),
        Feature(name="colour", type="category", categories=COLOURS, may_be_missing=True),
        Feature(name="smokes", type="boolean", may_be_missing=True),
        Feature(name="score", type="integer", minimum=1, maximum=10),
    ),
    target=Binary(negative="no", positive="yes"),
)
GOOD = {"size": 2.5, "colour": "grün", "smokes": True, "score": 3}
ROW = [2.5, 2, 1, 3]


def make_predictor() -> Predictor:
    """Return a predictor with random weights, written to an artifact and read again."""
    network = Network([Dense(3, "relu"), Dense(1)], inputs=6)
    generator = np.random.default_rng(0)
    theta = network.initial_parameters(generator) + generator.normal(0, 0.3, network.layout.size)
    fill, center = np.array([4.0, 1, 0, 5]), np.array([1.0, 0, 0, 0, 0, 2])
    encoder = Encoder((0, 3, 0, 0), ("sqrt", "", "", ""), fill, center, np.ones(6))
    scored = ScoredRows.ungrouped(np.array([[True], [False]]), np.array([[0.7], [0.2]]))
    predictor = Predictor(
        name="kinds",
        schema=SCHEMA,
        encoder=encoder,
        network=network,
        theta=theta,
        operating_points={"default": 0.5},
        train=scored,
        validation=scored,
        self_test=SelfTest(rows := np.array([ROW]), np.zeros((1, 1))),
    )
    probabilities = predictor.predict(rows)
    tested = dataclasses.replace(predictor, self_test=SelfTest(rows, probabilities))
    return artifact.from_bytes(artifact.to_bytes(tested))


PREDICTOR = make_predictor()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(), PREDICTOR))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def probability(row: list[float]) -> float:
    return float(PREDICTOR.predict(np.array([row], dtype=float))[0, 0])


async def test_objects_and_arrays(client: httpx.AsyncClient) -> None:
    one = await client.post("/predict", json=GOOD)
    assert one.json()["probability"] == probability(ROW)
    for rows in ([GOOD, GOOD], [list(GOOD.values())] * 2):
        many = (await client.post("/predict", json={"instances": rows})).json()
        assert [each["probability"] for each in many["predictions"]] == [probability(ROW)] * 2


async def test_missing_values_are_imputed(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/predict", json={"size": 1, "score": 3, "smokes": None})).json()
    assert answer["imputed"] == ["colour", "smokes"]
    assert answer["probability"] == probability([1, 1, 0, 3])


async def test_a_category_with_escapes(client: httpx.AsyncClient) -> None:
    body = '{"size": 2.5, "colour": "gr\\u00fcn", "smokes": true, "score": 3.0}'
    answer = await client.post(
        "/predict", content=body, headers={"content-type": "application/json"}
    )
    assert answer.json()["probability"] == probability(ROW)


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"colour": "green"}, "colour", "must be one of red, dark blue, grün or null"),
        ({"colour": 2}, "colour", "must be one of red, dark blue, grün or null"),
        ({"colour": ["red"]}, "colour", "must be one of red, dark blue, grün or null"),
        ({"smokes": 1}, "smokes", "must be true or false or null"),
        ({"smokes": "true"}, "smokes", "must be true or false or null"),
        ({"score": True}, "score", "must be an integer from 1 to 10"),
        ({"size": "red"}, "size", "must be a number, at least 0"),
        ({"weight": "a:b"}, "weight", "is not a feature of this model"),
    ],
)
async def test_an_invalid_value_is_named(
    client: httpx.AsyncClient, change: dict[str, Any], field: str, rule: str
) -> None:
    answer = await client.post("/predict", json=GOOD | change)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": field, "rule": rule}]


async def test_categories_in_the_document_and_the_card(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    properties = schemas["Instance"]["properties"]
    assert properties["colour"]["type"] == ["string", "null"]
    assert properties["colour"]["enum"] == [*COLOURS, None]
    assert properties["smokes"]["type"] == ["boolean", "null"]
    assert (await client.get("/health/ready")).status_code == 200
    card = (await client.get("/model/card")).text
    assert "red, dark blue, grün" in card


async def test_the_request_examples_of_the_document(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert (await client.post("/predict", json=example["value"])).status_code == 200


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [2.5, 0, 3, -1, True, False, None, "red", "grün", "x:y", "", [], {}]
)


@given(st.dictionaries(st.sampled_from([*GOOD, "other", "in:stances"]), VALUES, max_size=5))
def test_any_object_is_parsed_or_rejected_by_the_rules(row: dict[str, Any]) -> None:
    expected: list[float] | None = []
    for feature in SCHEMA.features:
        value = row.get(feature.name)
        if value is None:
            number = float("nan")
        elif feature.type == "category":
            known = isinstance(value, str) and value in COLOURS
            number = float(COLOURS.index(value)) if known else float("inf")
        elif isinstance(value, bool) == (feature.type == "boolean"):
            number = float(value) if isinstance(value, int | float) else float("inf")
        else:
            number = float("inf")
        if expected is not None and is_valid(feature, number):
            expected.append(number)
        else:
            expected = None
    if set(row) - set(GOOD):
        expected = None
    parser = InstanceParser(SCHEMA, 10)
    try:
        found = parser.parse(json.dumps(row).encode()).values
    except Problem:
        assert expected is None
    else:
        np.testing.assert_array_equal(found, np.array([expected], dtype=float))

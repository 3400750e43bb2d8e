"""GET /model, /model/card, /openapi.json and /: what the service says of itself."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> FastAPI:
    return create_app(Settings(threshold="0.25"), predictor)


async def test_the_model(client: httpx.AsyncClient, predictor: Predictor) -> None:
    model = (await client.get("/model")).json()
    assert model["name"] == predictor.name
    assert model["version"] == predictor.version
    assert len(model["version"]) == 64
    assert model["title"] == predictor.title
    assert [each["name"] for each in model["schema"]["features"]] == list(predictor.schema.names)
    bare_nuclei = next(f for f in model["schema"]["features"] if f["name"] == "bare_nuclei")
    assert bare_nuclei["may_be_missing"]
    assert (bare_nuclei["minimum"], bare_nuclei["maximum"]) == (1, 10)
    assert model["schema"]["target"] == {
        "task": "binary",
        "negative": "benign",
        "positive": "malignant",
        "refer": None,
    }
    assert model["network"]["parameters"] == predictor.theta.size
    assert model["operating_points"] == {"default": 0.5}
    assert model["threshold"] == 0.25
    for fact in ("recipe", "data", "scores", "versions"):
        assert model[fact] == predictor.facts[fact]


async def test_the_card_is_the_same_in_markdown(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    answer = await client.get("/model/card")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    card = answer.text
    assert card.startswith(f"# Model card: {predictor.name}\n")
    assert predictor.version in card
    for name in predictor.schema.names:
        assert f"| `{name}` | integer | 1 | 10 |" in card
    for limit in predictor.facts["limits"]:
        assert f"- {limit}\n" in card
    assert "| roc_auc |" in card
    assert "{" not in card


async def test_a_model_that_tells_no_facts(predictor: Predictor) -> None:
    bare = dataclasses.replace(predictor, facts={})
    transport = httpx.ASGITransport(app=create_app(Settings(), bare))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        model = (await client.get("/model")).json()
        card = (await client.get("/model/card")).text
    assert model["recipe"] is None
    assert "None" not in card
    assert "## Limits" not in card


async def test_a_pipe_or_a_line_break_does_not_break_a_table(predictor: Predictor) -> None:
    facts = {"data": {"file": "a|b\nc"}}
    app = create_app(Settings(), dataclasses.replace(predictor, facts=facts))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        card = (await client.get("http://test/model/card")).text
    assert "| file | a\\|b c |" in card


async def test_the_index(client: httpx.AsyncClient, predictor: Predictor) -> None:
    index = (await client.get("/")).json()
    assert index["model"] == predictor.title
    assert {"/predict", "/metrics", "/model", "/model/card", "/health"} <= set(index["paths"])


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


async def test_openapi_documents_predict(client: httpx.AsyncClient, predictor: Predictor) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operation = document["paths"]["/predict"]["post"]
    assert set(operation["responses"]) == set("200 400 406 413 415 422 503 507".split())
    tables = {"text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream"}
    for content in (operation["requestBody"], operation["responses"]["200"]):
        assert set(content["content"]) == {"application/json", *tables}
    assert "application/problem+json" in operation["responses"]["422"]["content"]
    assert [each["name"] for each in operation["parameters"]] == ["threshold", "on_error"]
    schemas = document["components"]["schemas"]
    instance = schemas["Instance"]
    assert list(instance["properties"]) == list(predictor.schema.names)
    assert instance["properties"]["mitoses"] == {"type": "integer", "minimum": 1, "maximum": 10}
    assert instance["properties"]["bare_nuclei"]["type"] == ["integer", "null"]
    assert "bare_nuclei" not in instance["required"]
    assert {reference.rsplit("/", 1)[1] for reference in references(document)} <= set(schemas)


async def test_openapis_examples_are_answered(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    table = document["paths"]["/predict"]["post"]["requestBody"]["content"]["text/csv"]["example"]
    answer = await client.post("/predict", content=table, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200
    assert set(content["examples"]) == {"one", "objects", "arrays"}
    for example in content["examples"].values():
        assert (await client.post("/predict", json=example["value"])).status_code == 200


@pytest.mark.parametrize("path", ["/redoc", "/model/", "/docs/x", "/docs/../app.py", "/nothing"])
async def test_nothing_else_is_there(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/model", "/model/card", "/metrics", "/openapi.json"])
async def test_head(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.head(path)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == (await client.get(path)).headers["content-length"]

"""Tests of service.routes.model and index: metadata, the model card, the list of paths, HEAD."""

import dataclasses

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from model.prediction.predictor import Predictor
from model.prediction.training_sample import TrainingSample
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


async def test_inputs_of_forms_are_predicted(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    model = (await client.get("/model")).json()
    inputs, [thickness, *_] = model["inputs"], model["schema"]["features"]
    assert (thickness["label"], thickness["group"]) == ("Clump thickness", "Clumps of cells")
    assert thickness["levels"].keys() == {"1", "10"}
    assert list(inputs) == ["typical", "quartiles", "examples", "references"]
    assert list(inputs["typical"]) == list(inputs["quartiles"]) == list(predictor.schema.names)
    assert [each["label"] for each in inputs["examples"]] == ["benign", "malignant"]
    for each in inputs["examples"]:
        answer = await client.post("/predict", json=each["values"])
        assert answer.json()["label"] == each["label"]
    assert (await client.post("/predict", json=inputs["typical"])).status_code == 200


async def test_inputs_of_each_type_are_predicted(
    kinds_client: httpx.AsyncClient, kinds: Predictor
) -> None:
    inputs = (await kinds_client.get("/model")).json()["inputs"]
    assert inputs == {
        "typical": {"size": 4.0, "colour": "dark blue", "smokes": False, "score": 5},
        "examples": [],
        "references": ["typical"],
    }
    assert (await kinds_client.post("/predict", json=inputs["typical"])).status_code == 200
    raw = np.random.default_rng(0).integers(1, 3, (40, 4)) % [50, 3, 2, 11]
    raw[:, 0] = np.arange(40)
    columns = kinds.schema.target.columns_of_targets
    targets = (np.arange(40)[:, np.newaxis] % 2 == np.zeros(columns)).astype(
        kinds.schema.target.dtype
    )
    kept = dataclasses.replace(kinds, sample=TrainingSample(raw.astype(float), targets))
    transport = httpx.ASGITransport(app=create_app(Settings(), kept))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        inputs = (await client.get("/model")).json()["inputs"]
        for each in inputs["examples"]:
            assert (await client.post("/predict", json=each["values"])).status_code == 200
    assert bool(inputs["examples"]) == kinds.has_probabilities
    assert list(inputs["quartiles"]) == ["size", "score"]


async def test_the_model_card(client: httpx.AsyncClient, predictor: Predictor) -> None:
    answer = await client.get("/model/card")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    card = answer.text
    assert card.startswith(f"# Model card: {predictor.name}\n")
    assert predictor.version in card
    for name in predictor.schema.names:
        assert f"| `{name}` | integer | 1 | 10 |" in card
    levels = "1: hardly any cell divides; 10: many cells divide."
    assert f"| **Mitoses.** Share of dividing cells. {levels} |\n" in card
    for limit in predictor.facts["limits"]:
        assert f"- {limit}\n" in card
    assert "| roc_auc |" in card
    assert "{" not in card


async def test_a_model_without_facts(predictor: Predictor) -> None:
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


@pytest.mark.parametrize("docs", [True, False])
async def test_the_index_lists_all_paths(predictor: Predictor, *, docs: bool) -> None:
    transport = httpx.ASGITransport(app=create_app(Settings(docs=docs), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        index = (await client.get("/")).json()
        documented = (await client.get("/openapi.json")).json()["paths"]
        page = await client.get("/docs")
    assert index["model"] == predictor.title
    assert {"/predict", "/metrics", "/model", "/model/card", "/health"} <= set(index["paths"])
    expected = {*documented, "/openapi.json"} | ({"/docs"} if docs else set())
    assert index["paths"] == sorted(expected)
    assert page.status_code == (200 if docs else 404)


@pytest.mark.parametrize("path", ["/redoc", "/model/", "/docs/x", "/docs/../app.py", "/nothing"])
async def test_unknown_paths(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/model", "/model/card", "/metrics", "/openapi.json"])
async def test_head(client: httpx.AsyncClient, path: str) -> None:
    for headers in ({"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}):
        answer, whole = [
            await client.request(method, path, headers=headers) for method in ("HEAD", "GET")
        ]
        assert answer.status_code == 200
        assert answer.content == b""
        for name in ("content-length", "content-encoding", "vary"):
            assert answer.headers.get(name) == whole.headers.get(name)

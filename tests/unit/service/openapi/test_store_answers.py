"""Real responses of a service with a store are as the OpenAPI document describes them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.openapi_contract import Contract, json_lines
from support.store_client import store_client

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
SCHEMAS = "#/components/schemas/"


@pytest.fixture
async def client(kinds: Predictor, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with store_client(kinds, f"sqlite:///{tmp_path / 'store.db'}") as client:
        yield client


@pytest.fixture
async def contract(client: httpx.AsyncClient) -> Contract:
    return Contract((await client.get("/openapi.json")).json())


def examples(contract: Contract, path: str) -> dict[str, Any]:
    content = contract.document["paths"][path]["post"]["requestBody"]["content"]
    return {name: each["value"] for name, each in content["application/json"]["examples"].items()}


async def test_answers_with_an_id(client: httpx.AsyncClient, contract: Contract) -> None:
    bodies = examples(contract, "/predict")
    one = await client.post("/predict?subject=a", json=bodies["one"])
    many = await client.post("/predict", json=bodies["objects"])
    lines = "".join(f"{json.dumps(row)}\n" for row in bodies["objects"]["instances"])
    headers = {"Content-Type": "application/x-ndjson"}
    table = await client.post("/predict", content=lines, headers=headers)
    of_table = await client.post(
        "/predict", content=lines, headers={**headers, "Accept": "application/json"}
    )
    texts = await client.post("/predict", content=lines, headers={**headers, "Accept": "text/csv"})
    for answer in (one, many, table, of_table, texts, await client.get("/health")):
        assert answer.status_code == 200
        contract.check(answer)
    assert "malignancy-id" in texts.headers
    for answer, schema in ((one, "Answer"), (many, "Answers"), (of_table, "TableAnswers")):
        contract.validate(answer.json(), {"$ref": SCHEMAS + schema})
        assert "id" in answer.json()
    for line in json_lines(table.text):
        assert "id" in line
        contract.validate(line, {"$ref": SCHEMAS + "TableLine"})


async def test_an_own_column_with_the_name_of_the_id(
    client: httpx.AsyncClient, contract: Contract
) -> None:
    row = examples(contract, "/predict")["one"]
    line = json.dumps({**row, "id": "own"}) + "\n"
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await client.post("/predict", content=line, headers=headers)
    assert answer.status_code in (200, 422)
    assert answer.text.count('"id"') <= 1
    texts = await client.post("/predict", content=line, headers={**headers, "Accept": "text/csv"})
    assert texts.status_code == 200
    assert texts.text.startswith("id,")


async def test_truth_and_erasure(client: httpx.AsyncClient, contract: Contract) -> None:
    body = examples(contract, "/predict")["objects"]
    name = (await client.post("/predict", json=body)).json()["id"]
    truths = examples(contract, "/feedback")
    truth = truths["one"]["truth"]
    one = {"id": f"{name}.0", "truth": truth}
    bodies: list[Any] = [
        one,
        {"feedback": [one, {"id": f"{name}.1", "truth": truth}]},
        [{**one, "id": f"{name}.7"}],
        *truths.values(),
    ]
    for each in bodies:
        contract.check_request("/feedback", each)
        answer = await client.post("/feedback", json=each)
        assert answer.status_code in (200, 404, 410)
        contract.check(answer)
    assert (await client.post("/feedback", json=one)).json()["outcome"] == "unchanged"
    headers = {"Content-Type": "text/csv"}
    wrong: list[Json] = [
        {"json": {**one, "truth": {"a": {}}}},
        {"json": {**one, "id": "x"}},
        {"content": "{"},
        {"content": "id,truth\n", "headers": headers},
        {"content": "x", "headers": {"Content-Type": "text/html"}},
        {"json": one, "headers": {"Accept": "text/html"}},
        {"json": {**one, "id": "00000000-0000-7000-8000-000000000000"}},
    ]
    statuses = []
    for each in wrong:
        answer = await client.post("/feedback", **each)
        contract.check(answer)
        statuses.append(answer.status_code)
    assert statuses == [422, 422, 400, 200, 415, 406, 410]
    for path in (
        f"/predictions/{name}",
        f"/predictions/{name}.0",
        "/subjects/a",
    ):
        answer = await client.delete(path)
        assert answer.status_code == 200
        contract.check(answer)
    answer = await client.delete("/predictions/x")
    assert answer.status_code == 422
    contract.check(answer)


async def test_only_a_store_of_subjects_has_the_parameter(
    contract: Contract, predictor: Predictor
) -> None:
    def names(document: dict[str, Any]) -> list[str]:
        return [each["name"] for each in document["paths"]["/predict"]["post"]["parameters"]]

    assert "subject" in names(contract.document)
    assert "subject" not in names(create_app(Settings(), predictor).openapi())

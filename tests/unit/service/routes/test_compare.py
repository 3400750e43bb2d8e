"""Tests of service.routes.compare: figures, parameters, errors, document and scope."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from support.openapi_contract import Contract
from support.stored_rows import store_at

from model.prediction.predictor import Predictor
from service.app import create_app
from service.comparison import shadow, stored_pairs
from service.settings import Settings
from service.store.feedback import Truth, record_truth
from service.store.identifiers import row_name, uuid7
from service.store.records import PredictedRows, StoredVersion
from service.store.store import now_microseconds

pytestmark = pytest.mark.anyio

SHADOW = "0123456789ab" + "c" * 52
OTHER = "d" * 64
PATH = "/models/article/compare"
ROWS = 60
DAY = 86_400_000_000


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


@pytest.fixture
def filled(store_url: str, predictor: Predictor) -> tuple[str, bytes]:
    """Store answers, the predictions of a shadow version, and truth; return the URL and the id."""
    store = store_at(store_url)
    values = np.random.default_rng(0).integers(1, 11, (ROWS, 9)).astype(float)
    first = predictor.predict(values)
    now, id_ = now_microseconds(), uuid7()
    answered = StoredVersion(predictor)
    other = StoredVersion(replace(predictor, version=SHADOW))
    store.start()
    rows = PredictedRows(id_, now, answered, 0.5, values, first)
    worse = PredictedRows(id_, now, other, 0.5, values, 1 - first, kind="shadow")
    assert store.put(rows)
    assert store.put(worse)
    # An older answer, of another version, whose shadow version agrees.
    old_id, before = uuid7(), now - DAY
    old = StoredVersion(replace(predictor, version=OTHER))
    for version, kind in ((old, "answer"), (other, "shadow")):
        part = PredictedRows(old_id, before, version, 0.5, values[:5], first[:5])
        part.kind = kind  # type: ignore[assignment]  # one of the two
        assert store.put(part)
    assert store.stop(30) == 0
    target = predictor.schema.target
    with closing(store.open(read_only=False)) as database:
        for number, label in enumerate(target.columns(first, 0.5)["label"].tolist()):
            record_truth(database, Truth(id_, number, label), at=now, retention=store.retention)
    return store_url, id_


@pytest.fixture
def app(filled: tuple[str, bytes], predictor: Predictor) -> FastAPI:
    return create_app(Settings(store=filled[0]), predictor)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


async def get(client: httpx.AsyncClient, **query: str) -> Any:
    response = await client.get(PATH, params={"with": SHADOW[:12], **query})
    assert response.status_code == 200, response.text
    return response.json()


async def test_figures(
    app: FastAPI,
    client: httpx.AsyncClient,
    filled: tuple[str, bytes],
    predictor: Predictor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored_pairs, "PAGE_ROWS", 7)
    response = await client.get(PATH, params={"with": SHADOW})
    Contract(app.openapi()).check(response)
    found = response.json()
    assert (found["model"], found["candidate"]) == ("article", SHADOW)
    assert found["versions"] == [
        {"version": predictor.version, "rows": ROWS},
        {"version": OTHER, "rows": 5},
    ]
    assert (found["rows"], found["is_limited"]) == (ROWS + 5, False)
    assert found["agreement"]["rows"] == 5
    truth = found["truth"]
    assert (truth["rows"], truth["groups"]) == (ROWS, ROWS)
    assert truth["figures"]["accuracy"] == {
        "first": 1,
        "second": 0,
        "difference": -1,
        "interval": [-1, -1],
    }
    assert truth["mcnemar"]["first_only"] == ROWS
    assert truth["mcnemar"]["p"] < 1e-15
    names = {row_name(filled[1], number) for number in range(ROWS)}
    assert len(found["largest"]) == 20
    assert {each["id"] for each in found["largest"]} <= names


async def test_times(client: httpx.AsyncClient) -> None:
    assert (await get(client, **{"from": "2000-01-01"}))["rows"] == ROWS + 5
    assert (await get(client, **{"from": "2100-01-01T00:00:00+01:00"}))["rows"] == 0
    whole = await get(client)
    later = await get(client, **{"from": whole["to"]})
    assert later["rows"] == ROWS
    assert (await get(client, to=whole["to"]))["rows"] == 5


async def test_the_latest_rows_are_compared(
    client: httpx.AsyncClient, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = shadow.compare_shadow.__kwdefaults__
    assert default is not None
    assert default["max_rows"] == 200_000
    monkeypatch.setitem(default, "max_rows", ROWS)
    found = await get(client)
    assert (found["rows"], found["is_limited"]) == (ROWS, True)
    assert found["versions"] == [{"version": predictor.version, "rows": ROWS}]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({}, 422, "with"),
        ({"with": SHADOW[:11]}, 404, ""),
        ({"with": "f" * 12}, 404, ""),
        ({"with": SHADOW, "from": "yesterday"}, 422, "from"),
        ({"with": SHADOW, "to": "2026-13-01"}, 422, "to"),
    ],
)
async def test_errors(
    app: FastAPI, client: httpx.AsyncClient, query: dict[str, str], status: int, field: str
) -> None:
    response = await client.get(PATH, params=query)
    assert response.status_code == status
    assert [each["field"] for each in response.json().get("errors", [])] == (
        [field] if field else []
    )
    Contract(app.openapi()).check(response)


async def test_other_models(client: httpx.AsyncClient) -> None:
    assert (await client.get("/models/no/compare", params={"with": SHADOW})).status_code == 404


async def test_a_store_that_is_empty_or_away(tmp_path: Path, predictor: Predictor) -> None:
    path = tmp_path / "store.db"
    app = create_app(Settings(store=f"sqlite:///{path}"), predictor)
    async with client_of(app) as client:
        assert (await client.get(PATH, params={"with": SHADOW})).status_code == 503
        path.touch()
        assert (await client.get(PATH, params={"with": SHADOW})).status_code == 404


async def test_the_scope_is_metrics(filled: tuple[str, bytes], predictor: Predictor) -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    keys = f"a:predict:{digest},b:metrics:{digest}"
    app = create_app(Settings(store=filled[0], api_keys=keys), predictor)
    async with client_of(app) as client:
        for key, status in (("a", 403), ("b", 200)):
            response = await client.get(
                PATH, params={"with": SHADOW}, headers={"X-API-Key": f"{key}.secret"}
            )
            assert response.status_code == status


async def test_without_a_store_there_is_no_route(predictor: Predictor) -> None:
    app = create_app(Settings(), predictor)
    assert not [path for path in app.openapi()["paths"] if path.endswith("/compare")]
    assert "Comparison" not in app.openapi()["components"]["schemas"]
    async with client_of(app) as client:
        assert (await client.get(PATH, params={"with": SHADOW})).status_code == 404


async def test_the_document_has_an_example(tmp_path: Path, kinds: Predictor) -> None:
    app = create_app(Settings(store=f"sqlite:///{tmp_path / 'store.db'}"), kinds)
    operation = app.openapi()["paths"]["/models/{name}/compare"]["get"]
    content = operation["responses"]["200"]["content"]["application/json"]
    assert content["example"]["model"] == "kinds"
    names = [each["name"] for each in operation["parameters"]]
    assert names[:4] == ["name", "with", "from", "to"]

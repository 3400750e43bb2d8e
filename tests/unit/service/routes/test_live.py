"""Tests of service.routes.live: without a store, with an empty or broken one, and its cache."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.prediction.predictor import Predictor
from service.app import create_app
from service.live.example import example_answer
from service.live.reader import LiveReader
from service.registry.model_version import ModelVersion
from service.settings import Settings

pytestmark = pytest.mark.anyio

PATH = "/models/article/live"


def settings(folder: Path) -> Settings:
    return Settings(store=f"sqlite:///{folder / 'store.db'}")


def connect(folder: Path, predictor: Predictor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(settings(folder), predictor))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_without_a_store_there_are_no_figures(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH)
    assert answer.status_code == 404
    assert "MALIGNANCY_STORE" in answer.json()["detail"]
    assert "MALIGNANCY_STORE" not in (await client.get("/models/none/live")).json()["detail"]


async def test_a_new_store_has_no_rows(tmp_path: Path, predictor: Predictor) -> None:
    async with connect(tmp_path, predictor) as client:
        found = (await client.get(PATH)).json()
        invalid = await client.get(f"{PATH}?by=year")
        unknown = await client.get("/models/none/live")
    assert (found["rows"], found["labels"], found["versions"]) == (0, {}, [])
    assert len(found["periods"]) == 8
    assert set(found["truth"]["not_known"].values()) == {"no truth has arrived"}
    assert found["expected"]["sensitivity"] is None
    assert (invalid.status_code, unknown.status_code) == (422, 404)


async def test_a_store_that_fails_is_unavailable(tmp_path: Path, predictor: Predictor) -> None:
    async with connect(tmp_path / "missing", predictor) as client:
        answer = await client.get(PATH)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "missing" not in answer.text


async def test_many_viewers_cost_one_computation(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[object] = []
    answer = LiveReader.answer

    def counted(self: LiveReader, name: str, query: Any) -> dict[str, Any]:
        computed.append(query)
        return answer(self, name, query)

    monkeypatch.setattr(LiveReader, "answer", counted)
    monkeypatch.setattr("service.routes.snapshot.FRESH_SECONDS", 60.0)
    async with connect(tmp_path, predictor) as client:
        query = "?from=2026-08-01&to=2026-08-09&threshold="
        answers = await asyncio.gather(*(client.get(f"{PATH}{query}0.5") for _ in range(20)))
        assert {each.content for each in answers} == {answers[0].content}
        assert len(computed) == 1
        for number in range(40):
            await client.get(f"{PATH}{query}{number / 100}")
        assert len(computed) == 41


def test_the_example_has_figures(predictor: Predictor) -> None:
    found = example_answer(ModelVersion(predictor, Settings()))
    rows = len(predictor.validation.predictions)
    assert (found["rows"], found["truth"]["rows"]) == (rows, rows)
    assert [each["drifted"] for each in found["features"]] == [False] * 9
    assert found["truth"]["not_known"] == {}

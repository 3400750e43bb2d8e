"""A service with a shadow version: what it stores, counts and rejects at the start."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import numpy as np
import pytest
from support.eventually import PAUSE_SECONDS, SECONDS
from support.shadow_candidate import candidate_of

from model.errors import ArtifactError
from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import SettingError, Settings
from service.store.databases.opening import open_database
from service.store.reading import StoredPrediction, rows_between

pytestmark = pytest.mark.anyio
ROW = [5, 1, 1, 1, 2, 1, 3, 1, 1]


@asynccontextmanager
async def serving(settings: Settings, predictor: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, predictor)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client,
    ):
        yield client


def stored(url: str) -> list[StoredPrediction]:
    with closing(open_database(url, read_only=True)) as database:
        return list(rows_between(database))


async def test_answers_are_predicted_again(
    store_url: str, tmp_path: Path, predictor: Predictor
) -> None:
    path = tmp_path / "candidate.joblib"
    candidate = candidate_of(predictor, path)
    settings = Settings(store=store_url, store_keeps="inputs", shadow=f"article={path}")
    rows = np.random.default_rng(0).integers(1, 11, (30, 9)).tolist()
    async with serving(settings, predictor) as client:
        one = (await client.post("/predict", json={"instances": [ROW]})).json()
        table = (await client.post("/predict?threshold=0.9", json={"instances": rows})).json()
        text = (await client.get("/metrics", headers={"Accept": "text/plain"})).text
        assert "malignancy_shadow_dropped_total" in text
    assert one["model"] == table["model"] == predictor.title
    found = stored(store_url)
    answers = [each for each in found if each.kind == "answer"]
    shadows = [each for each in found if each.kind == "shadow"]
    assert len(answers) == len(shadows) == 31
    assert {each.version.sha256 for each in answers} == {predictor.version}
    assert {each.version.sha256 for each in shadows} == {candidate.version}
    assert [(each.id, each.row) for each in answers] == [(each.id, each.row) for each in shadows]
    expected = candidate.predict(np.array([ROW, *rows], dtype=float))
    assert np.array([each.predictions for each in shadows]).tolist() == expected.tolist()
    assert {each.threshold for each in shadows[1:]} == {0.9}


@pytest.mark.usefixtures("fresh_snapshots")
async def test_the_metrics_count_rows(tmp_path: Path, predictor: Predictor) -> None:
    path = tmp_path / "candidate.joblib"
    candidate_of(predictor, path)
    url = f"sqlite:///{tmp_path / 'store.db'}"
    settings = Settings(store=url, shadow=f"article={path}")
    async with serving(settings, predictor) as client:
        await client.post("/predict", json={"instances": [ROW, ROW]})

        deadline = time.monotonic() + SECONDS
        text = ""
        while "malignancy_shadow_rows_total 2.0" not in text:
            assert time.monotonic() < deadline, text
            await asyncio.sleep(PAUSE_SECONDS)
            text = (await client.get("/metrics", headers={"Accept": "text/plain"})).text


def test_shadows_that_cannot_be_served(tmp_path: Path, predictor: Predictor) -> None:
    path = tmp_path / "candidate.joblib"
    candidate_of(predictor, path)
    url = f"sqlite:///{tmp_path / 'store.db'}"

    def start(**settings: object) -> None:
        create_app(Settings(**settings), predictor)  # type: ignore[arg-type]  # texts are converted

    with pytest.raises(SettingError, match="needs the setting store"):
        start(shadow=f"article={path}")
    with pytest.raises(SettingError, match="must name the model of each artifact"):
        start(shadow=f"wisconsin={path}", store=url)
    with pytest.raises(ArtifactError, match="no such file"):
        start(shadow=f"article={tmp_path / 'no.joblib'}", store=url)
    candidate_of(predictor, path, name="another")
    with pytest.raises(SettingError, match="must name models in service"):
        start(shadow=f"another={path}", store=url)
    with pytest.raises(ArtifactError, match="MALIGNANCY_ARTIFACT_DIGEST"):
        start(shadow=f"article={path}", store=url, artifact_digest="0" * 64)

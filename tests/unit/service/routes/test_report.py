"""Tests of service.routes.report: the report beside an artifact, if it is of the version."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.openapi_contract import Contract

from model.artifacts import artifact
from model.artifacts.repository import make_current, report_of
from model.evaluation.report.document import report
from model.prediction.predictor import Predictor
from service.app import create_app
from service.registry import reports
from service.settings import Settings

pytestmark = pytest.mark.anyio

PATH = "/models/article/report"


@pytest.fixture
def saved(predictor: Predictor, tmp_path: Path) -> Path:
    """Save a model and its report, and return the artifact."""
    return save(predictor, tmp_path / "one.joblib")


def save(predictor: Predictor, path: Path) -> Path:
    version = artifact.save(predictor, path)
    text = report(replace(predictor, version=version), None, {})
    report_of(path).write_text(text, encoding="utf-8")
    return path


@pytest.fixture
async def client(saved: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(artifact=saved)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_the_report_beside_the_artifact(client: httpx.AsyncClient, saved: Path) -> None:
    answer = await client.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content == saved.with_name("one.report.html").read_bytes()
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'none'", "img-src data:", "sandbox"} <= set(policy)
    assert {"style-src 'unsafe-inline'", "form-action 'none'"} <= set(policy)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["referrer-policy"] == "no-referrer"
    Contract((await client.get("/openapi.json")).json()).check(answer)


async def test_a_version_has_its_own_report(predictor: Predictor, tmp_path: Path) -> None:
    for mark in "ab":
        save(
            replace(predictor, facts={"description": f"model {mark}"}), tmp_path / f"{mark}.joblib"
        )
    make_current(tmp_path / "b.joblib")
    app = create_app(Settings(artifact=tmp_path))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test"
    ) as client:
        assert "model b" in (await client.get(PATH)).text
        for version in (await client.get("/models")).json()["models"][0]["versions"]:
            text = (await client.get(f"/models/article/versions/{version}/report")).text
            assert f'content="{version}"' in text
        wrong = await client.get(f"/models/article/versions/{'0' * 64}/report")
        assert wrong.status_code == 404


async def check_missing(client: httpx.AsyncClient, word: str) -> None:
    answer = await client.get(PATH)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.json()["detail"]


async def test_a_report_of_another_version_is_not_served(
    client: httpx.AsyncClient, predictor: Predictor, saved: Path
) -> None:
    other = report(replace(predictor, version="0" * 64), None, {})
    stated = f'<meta name="malignancy-artifact" content="{artifact.load(saved).version}">'
    for text in (other, other + " " * reports.HEAD_BYTES + stated, ""):
        report_of(saved).write_text(text, encoding="utf-8")
        await check_missing(client, "another version")


async def test_there_may_be_no_report(
    client: httpx.AsyncClient, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = report_of(saved)
    with monkeypatch.context() as patched:
        patched.setattr(reports, "MAX_REPORT_BYTES", path.stat().st_size - 1)
        await check_missing(client, "no report")
    path.unlink()
    await check_missing(client, "no report")
    path.mkdir()
    await check_missing(client, "no report")
    path.rmdir()
    os.mkfifo(path)
    await check_missing(client, "no report")


async def test_a_model_in_memory_has_no_report(predictor: Predictor) -> None:
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await check_missing(client, "no report")

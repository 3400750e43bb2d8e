"""Tests of service.routes.docs: the page, its files and its security policy."""

import re

import httpx
import pytest
from fastapi import FastAPI

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio


async def test_the_service_has_all_files_of_the_page(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "//" not in page.text.replace("<!DOCTYPE html>", "")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 5
    for path in links:
        answer = await client.get(f"/{path}")
        assert answer.status_code == 200
        assert len(answer.content) > 100
    start = (await client.get("/docs/start.js")).text
    assert 'url: "openapi.json"' in start


async def test_the_page_has_no_inline_script_and_no_content_of_other_hosts(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/docs")
    assert re.findall(r"<script(?! src=)", page.text) == []
    policy = dict(
        part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"


@pytest.fixture
def app(predictor: Predictor, request: pytest.FixtureRequest) -> FastAPI:
    return create_app(Settings(docs=getattr(request, "param", True)), predictor)


@pytest.mark.parametrize("app", [False], indirect=True)
@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/docs/swagger-ui.css"])
async def test_the_page_can_be_disabled(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404

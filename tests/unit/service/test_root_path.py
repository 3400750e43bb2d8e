"""A service below a path prefix, behind proxies that remove the prefix and that do not."""

import hashlib
import re
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import httpx
import pytest
from support.fake_connection import Server, statuses

from model.prediction.predictor import Predictor
from service.app import create_app
from service.page.page import Page
from service.settings import Settings

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html"}
KEYS = f"key:predict:{hashlib.sha256(b'secret').hexdigest()}"
ROOT = "/risk/one"


@pytest.fixture(params=["", ROOT], ids=["removed", "kept"])
async def client(
    predictor: Predictor, request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    """Connect as a proxy does: it removes the prefix, or sends it."""
    app = create_app(Settings(root_path=ROOT), predictor)
    transport = httpx.ASGITransport(app=app, root_path=ROOT)
    base = f"http://test{request.param}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield client


async def test_every_kind_of_path(client: httpx.AsyncClient) -> None:
    assert (await client.get("/", headers=BROWSER)).text.startswith("<!DOCTYPE html>")
    index = (await client.get("/")).json()
    assert "/predict" in index["paths"]  # relative to the server of the document
    for name in Page().names:
        assert (await client.get(f"/page/{name}")).status_code == 200
    for path in ("/docs", "/docs/start.js", "/health", "/models/article/curves", "/v2"):
        assert (await client.get(path)).status_code == 200
    answer = await client.post("/predict", json={"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]})
    assert answer.status_code == 200
    assert (await client.get("/nothing")).status_code == 404
    assert "error" in (await client.get("/v2/nothing")).json()


async def test_links_of_pages_stay_below_the_prefix(client: httpx.AsyncClient) -> None:
    for path, seen in (("/", f"{ROOT}/"), ("/docs", f"{ROOT}/docs")):
        text = (await client.get(path, headers=BROWSER)).text
        links = re.findall(r'(?:src|href)="([^"#]+)"', text)
        assert links
        assert [each for each in links if not urljoin(seen, each).startswith(f"{ROOT}/")] == []


async def test_the_document_names_the_prefix(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    document = (await client.get("/openapi.json")).json()
    assert [server["url"] for server in document["servers"]] == [ROOT]
    without = create_app(Settings(), predictor).openapi()
    assert [server["url"] for server in without["servers"]] == ["."]


async def test_keys_and_scopes_hold_below_the_prefix(predictor: Predictor) -> None:
    app = create_app(Settings(root_path=ROOT, api_keys=KEYS), predictor)
    transport = httpx.ASGITransport(app=app, root_path=ROOT)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for root in ("", ROOT):
            key = {"X-API-Key": "key.secret"}
            assert (await client.get(f"{root}/health/live")).status_code == 200
            assert (await client.get(f"{root}/", headers=BROWSER)).status_code == 200
            assert (await client.get(f"{root}/model")).status_code == 401
            assert (await client.get(f"{root}/model", headers=key)).status_code == 200
            assert (await client.get(f"{root}/metrics", headers=key)).status_code == 403


@pytest.mark.parametrize("direct", [True, False])
async def test_the_bare_prefix_redirects_to_the_page(predictor: Predictor, direct: bool) -> None:
    app = create_app(Settings(root_path=ROOT), predictor)
    wire = Server(service=app, direct=direct, root_path=ROOT).connect()
    sent = "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n\r\n"
    answered = await wire.send((sent % (ROOT, "text/html")).encode())
    assert statuses(answered) == [307]
    assert b"\r\nlocation: one/\r\n" in answered
    assert urljoin(ROOT, "one/") == f"{ROOT}/"
    for path in (f"{ROOT}/", "/"):
        answered = await wire.send((sent % (path, "text/html")).encode())
        assert statuses(answered) == [200]
        assert b"<!DOCTYPE html>" in answered


async def test_the_bare_prefix_at_other_servers(predictor: Predictor) -> None:
    app = create_app(Settings(root_path=ROOT), predictor)
    transport = httpx.ASGITransport(app=app, root_path=ROOT)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(ROOT, headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (307, "one/")
        assert (await client.get(ROOT)).json()["status"] == "alive"

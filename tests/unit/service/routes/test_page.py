"""Tests of service.routes.page and service.routes.index: the page and its files.

They read what is in the folder of the page, so they hold for any build of it.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from model.prediction.predictor import Predictor
from service.app import create_app
from service.page import page
from service.page.static_files import MEDIA_TYPES, static_files
from service.settings import Settings

pytestmark = pytest.mark.anyio

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
FOLDER = Path(str(files("service.page") / "static"))
ASSETS = sorted((FOLDER / "page").iterdir())
LARGE = "large-0123abcd.js"
KEYS = f"key:predict:{hashlib.sha256(b'secret').hexdigest()}"


@pytest.fixture
def app(predictor: Predictor, request: pytest.FixtureRequest) -> FastAPI:
    return create_app(Settings(**getattr(request, "param", {})), predictor)


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Add a script that is large enough to be compressed."""
    content = b"var a = 1;\n" * 10_000
    (tmp_path / LARGE).write_bytes(content)

    def with_large(names: Iterator[Path]) -> object:
        return static_files([*names, tmp_path / LARGE])

    monkeypatch.setattr(page, "static_files", with_large)
    return content


@pytest.mark.parametrize(
    ("accept", "is_html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML", True),
        ("text/*", True),
        ("text/html;q=0.9, application/json;q=0.8", True),
        ("application/json, text/html", False),
        ("application/json", False),
        ("text/html;q=0.8, application/json;q=0.9", False),
        ("text/html;q=0.8, */*;q=0.9", False),
        ("application/json, text/plain, */*", False),
        ("*/*", False),
        ("", False),
        ("text/plain", False),
        ("text/html;q=0", False),
        ("image/png", False),
    ],
)
async def test_accept_decides(client: httpx.AsyncClient, accept: str, is_html: bool) -> None:
    for method in ("GET", "HEAD"):
        answer = await client.request(method, "/", headers={"Accept": accept})
        assert answer.status_code == 200
        expected = "text/html; charset=utf-8" if is_html else "application/json"
        assert answer.headers["content-type"] == expected
        assert "Accept" in answer.headers["vary"].split(", ")
        assert ("content-security-policy" in answer.headers) == is_html
    if not is_html:
        answer = await client.get("/", headers={"Accept": accept})
        assert list(answer.json()) == ["status", "model", "paths"]


async def test_the_page_and_its_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"Accept": BROWSER, "Accept-Encoding": "identity"})
    assert answer.content == (FOLDER / "index.html").read_bytes()
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert "set-cookie" not in answer.headers
    assert re.fullmatch('"[0-9a-f]{32}"', answer.headers["etag"])


async def test_all_links_to_files_are_relative_and_work(client: httpx.AsyncClient) -> None:
    text = (await client.get("/", headers={"Accept": BROWSER})).text
    links = [each for each in re.findall(r'(?:src|href)="([^"]+)"', text) if "page/" in each]
    assert links
    for link in links:
        assert link.startswith("./page/")
        answer = await client.get(link.removeprefix("."))
        assert answer.status_code == 200
    assert "//" not in text.replace("<!DOCTYPE html>", "").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"<script(?![^>]* src=)", text) == []
    assert "style=" not in text


@pytest.mark.parametrize("path", ASSETS, ids=lambda path: str(path.name))
async def test_the_files_of_the_page(client: httpx.AsyncClient, path: Path) -> None:
    assert re.fullmatch(r".+-[\w-]{8}\.(js|css|svg)", path.name)
    plain = {"Accept-Encoding": "identity"}
    answer = await client.get(f"/page/{path.name}", headers=plain)
    assert answer.status_code == 200
    assert answer.content == path.read_bytes()
    assert answer.headers["content-type"].partition(";")[0] == MEDIA_TYPES[path.suffix]
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "set-cookie" not in answer.headers
    head = await client.head(f"/page/{path.name}", headers=plain)
    assert (head.content, head.headers["etag"]) == (b"", answer.headers["etag"])
    assert head.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    "name",
    ["nothing-12345678.js", "index.html", "..%2findex.html", "%2e%2e/page.py", "", "a/b.js", "%00"],
)
async def test_other_names_are_unknown(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/page/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", f"/page/{ASSETS[0].name}"])
async def test_conditional_requests(client: httpx.AsyncClient, path: str) -> None:
    headers = {"Accept": BROWSER, "Accept-Encoding": "identity"}
    full = await client.get(path, headers=headers)
    etag = full.headers["etag"]
    for tags, status in (
        (etag, 304),
        (f"W/{etag}", 304),
        (f'"other", {etag}', 304),
        ("*", 304),
        ('"other"', 200),
        (etag.strip('"'), 200),
    ):
        for method in ("GET", "HEAD"):
            request = {**headers, "If-None-Match": tags}
            answer = await client.request(method, path, headers=request)
            assert answer.status_code == status, tags
            for name in ("etag", "cache-control", "vary", "content-security-policy"):
                assert answer.headers[name] == full.headers[name]
            if status == 304:
                assert answer.content == b""
                assert "content-length" not in answer.headers


async def test_a_file_is_compressed_once(
    large: bytes, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        plain = await client.get(f"/page/{LARGE}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == large
        monkeypatch.setattr(gzip, "compress", None)
        tags = {plain.headers["etag"]}
        for accepted in ("gzip", "gzip, deflate, br, zstd", "*", "x-gzip;q=0.5"):
            headers = {"Accept-Encoding": accepted}
            answer = await client.get(f"/page/{LARGE}", headers=headers)
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.content == large
            assert int(answer.headers["content-length"]) < 1000
            tags.add(answer.headers["etag"])
            headers["If-None-Match"] = answer.headers["etag"]
            again = await client.get(f"/page/{LARGE}", headers=headers)
            assert again.status_code == 304
            assert "content-encoding" not in again.headers
        assert len(tags) == 2  # a strong tag is of one sequence of bytes
        assert not [tag for tag in tags if tag.startswith("W/")]
        refused = {"Accept-Encoding": "identity;q=0, gzip;q=0"}
        assert (await client.get(f"/page/{LARGE}", headers=refused)).status_code == 406


async def test_a_tag_is_weak_if_the_answer_may_be_compressed_in_another_way(
    large: bytes, predictor: Predictor
) -> None:
    pytest.importorskip("backports.zstd", reason="the extra zstd is not installed")
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(f"/page/{LARGE}", headers={"Accept-Encoding": "zstd"})
        assert answer.headers["content-encoding"] == "zstd"
        assert answer.headers["etag"].startswith('W/"')
    assert len(large) > 1400


@pytest.mark.parametrize("app", [{"page": False}], indirect=True)
async def test_the_page_can_be_disabled(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"Accept": BROWSER})
    assert answer.headers["content-type"] == "application/json"
    assert "vary" not in answer.headers
    for path in ASSETS:
        assert (await client.get(f"/page/{path.name}")).status_code == 404
    operation = (await client.get("/openapi.json")).json()["paths"]["/"]["get"]
    assert list(operation["responses"]["200"]["content"]) == ["application/json"]


@pytest.mark.parametrize("app", [{"api_keys": KEYS}], indirect=True)
async def test_the_page_needs_no_key_and_all_else_does(client: httpx.AsyncClient) -> None:
    html = {"Accept": BROWSER}
    for method in ("GET", "HEAD"):
        for path in ("/", *(f"/page/{each.name}" for each in ASSETS)):
            assert (await client.request(method, path, headers=html)).status_code == 200
    for path in ("/page/nothing.js", "/page/", "/page", "/model", "/docs", "/page/../model"):
        assert (await client.get(path, headers=html)).status_code == 401
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        for path in ("/", f"/page/{ASSETS[0].name}"):
            assert (await client.request(method, path, headers=html)).status_code == 401
    for accept in ("*/*", "application/json", "text/html, application/json"):
        assert (await client.get("/", headers={"Accept": accept})).status_code == 401
    known = {"Accept": "application/json", "X-API-Key": "key.secret"}
    assert (await client.get("/", headers=known)).status_code == 200
    operation = (await client.get("/openapi.json", headers=known)).json()["paths"]["/"]["get"]
    assert "security" in operation  # of the JSON


def test_the_page_holds_no_facts_of_the_model(predictor: Predictor) -> None:
    texts = [(FOLDER / "index.html").read_text()]
    texts += [path.read_text() for path in ASSETS]
    for word in (predictor.title, *predictor.schema.names, *predictor.schema.target.names):
        assert not [text for text in texts if re.search(rf"\b{re.escape(word)}\b", text)]

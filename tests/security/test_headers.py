"""Security headers of every response: CSP for pages, no MIME sniffing, no CORS, no cookies."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from unit.service.security.test_api_keys import ROW, routes

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

ASSETS = ("/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css")
OTHER = (("GET", "/nothing"), ("PUT", "/predict"), ("GET", "/v2/nothing"), ("POST", "/predict"))
ORIGIN = {
    "Origin": "https://elsewhere.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type, x-api-key",
    "Access-Control-Request-Private-Network": "true",
}


async def answers(client: httpx.AsyncClient, app: FastAPI) -> AsyncIterator[httpx.Response]:
    """Yield responses of every route and method, and of unknown ones, to a browser's headers."""
    calls = {*routes(app), *OTHER, *(("GET", path) for path in ASSETS)}
    calls |= {("OPTIONS", path) for _, path in calls} | {("HEAD", path) for _, path in calls}
    for method, path in sorted(calls):
        yield await client.request(method, path, headers=ORIGIN)
    for media_type, body in (("text/csv", b"a\n1\n"), ("application/x-ndjson", b"{}\n")):
        headers = {**ORIGIN, "Content-Type": media_type}
        yield await client.post("/predict", content=body, headers=headers)
    for path in ("/predict", "/invocations", "/models/article/predict"):
        answer = await client.post(path, json=ROW, headers=ORIGIN)
        assert answer.status_code == 200
        yield answer


async def test_every_response_has_the_security_headers(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    pages = 0
    async for answer in answers(client, app):
        headers, where = answer.headers, str(answer.request.url)
        assert answer.status_code < 500, where
        assert headers.get_list("x-content-type-options") == ["nosniff"], where
        assert not [name for name in headers if name.startswith("access-control")], where
        assert "set-cookie" not in headers, where
        assert "server" not in headers, where
        if headers.get("content-type", "").startswith("text/"):
            assert "charset=utf-8" in headers["content-type"], where
        if answer.request.method == "OPTIONS":
            assert answer.status_code in (204, 404), where
        if headers.get("content-type", "").startswith("text/html"):
            pages += 1
            policy = [part.strip() for part in headers["content-security-policy"].split(";")]
            for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
                assert part in policy, where
            for part in ("base-uri 'none'", "form-action 'none'", "connect-src 'self'"):
                assert part in policy, where
            assert headers["referrer-policy"] == "no-referrer", where
    assert pages == 2  # GET and HEAD of /docs


async def test_without_docs_no_page_is_served(predictor: Predictor) -> None:
    """The OpenAPI document stays: clients are generated from it, and the index links to it."""
    app = create_app(Settings(docs=False), predictor)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/docs", "/redoc", "/docs/favicon.png", "/docs/oauth2-redirect", *ASSETS):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 200
        assert "html" not in str([response.headers async for response in answers(client, app)])

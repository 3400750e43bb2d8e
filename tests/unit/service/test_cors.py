"""service/cors.py: scripts of allowed origins may read every answer, others none."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from support.fake_connection import Server

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import SettingError, Settings, read_settings

pytestmark = pytest.mark.anyio

ORIGIN: Final = "https://page.example"
KEYS: Final = f"key:predict:{hashlib.sha256(b'secret').hexdigest()}"
ROW: Final = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}
PREFLIGHT: Final = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,x-api-key",
}


def client_of(predictor: Predictor, **settings: Any) -> httpx.AsyncClient:
    app = create_app(Settings(**settings), predictor)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


@pytest.fixture(params=["*", f"http://other.example, {ORIGIN.upper()}"])
async def client(
    predictor: Predictor, request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(predictor, cors_origins=request.param, api_keys=KEYS) as client:
        yield client


def is_readable(answer: httpx.Response) -> bool:
    return answer.headers.get("access-control-allow-origin") in ("*", ORIGIN)


async def test_a_preflight_request_needs_no_key(client: httpx.AsyncClient) -> None:
    for path in ("/predict", "/models/article/predict", "/invocations", "/v2/models/article/infer"):
        answer = await client.options(path, headers=PREFLIGHT)
        assert answer.status_code == 200
        assert is_readable(answer)
        assert answer.headers["access-control-allow-headers"] == "content-type,x-api-key"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert answer.headers["x-request-id"]
        assert answer.headers["vary"].split(", ").count("Origin") == 1


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/predict", {}, ROW, 401),
        ("/predict", {"X-API-Key": "key.secret"}, ROW, 200),
        ("/predict", {"X-API-Key": "key.secret"}, {}, 422),
        ("/predict", {"X-API-Key": "key.secret", "Content-Encoding": "br"}, ROW, 415),
        ("/predict", {"X-API-Key": "key.secret", "Accept": "image/png"}, ROW, 406),
        ("/nothing", {"X-API-Key": "key.secret"}, ROW, 404),
        ("/health/live", {"X-API-Key": "key.secret"}, ROW, 405),
        ("/v2/models/none/infer", {"X-API-Key": "key.secret"}, ROW, 404),
    ],
)
async def test_every_answer_can_be_read(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], body: Any, status: int
) -> None:
    answer = await client.post(path, json=body, headers={"Origin": ORIGIN, **headers})
    assert answer.status_code == status
    assert is_readable(answer)
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


async def test_another_origin_reads_nothing(predictor: Predictor) -> None:
    async with client_of(predictor, cors_origins="https://other.example") as client:
        answer = await client.post("/predict", json=ROW, headers={"Origin": ORIGIN})
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
        assert "Origin" in answer.headers["vary"]
        answer = await client.options("/predict", headers=PREFLIGHT)
        assert answer.status_code == 400
        assert "access-control-allow-origin" not in answer.headers


async def test_it_is_closed_by_default(predictor: Predictor) -> None:
    async with client_of(predictor) as client:
        for headers in (PREFLIGHT, {"Origin": ORIGIN}):
            for answer in (
                await client.options("/predict", headers=headers),
                await client.post("/predict", json=ROW, headers=headers),
            ):
                assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("cors_origins", [None, "*"])
async def test_options_without_a_preflight_names_the_methods(
    predictor: Predictor, cors_origins: str | None
) -> None:
    async with client_of(predictor, cors_origins=cors_origins) as client:
        for path, methods in (("/predict", "OPTIONS, POST"), ("/metrics", "GET, HEAD, OPTIONS")):
            answer = await client.options(path)
            assert (answer.status_code, answer.headers["allow"]) == (204, methods)
            assert answer.content == b""
        assert (await client.options("/nothing")).status_code == 404


async def test_only_requests_of_scripts_leave_the_fast_path(predictor: Predictor) -> None:
    server = Server(service=create_app(Settings(cors_origins="*"), predictor))
    app, calls = server.config.loaded_app, []

    async def counted(*arguments: Any) -> None:
        calls.append(1)
        await app(*arguments)

    server.config.loaded_app = counted
    wire = server.connect()
    body = json.dumps(ROW).encode()
    for origin in (b"", b"Origin: https://page.example\r\n"):
        head = b"POST /predict HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n"
        for _ in range(2):
            answered = await wire.send(head % (origin, len(body)) + body)
            assert answered.startswith(b"HTTP/1.1 200")
            assert (b"access-control-allow-origin: *" in answered) == bool(origin)
    assert len(calls) == 2


async def test_rejections_of_the_server_can_be_read(predictor: Predictor) -> None:
    server = Server(service=create_app(Settings(cors_origins="*"), predictor))
    wire = server.connect()
    answered = await wire.send(
        b"POST /predict HTTP/1.1\r\nHost: a\r\nOrigin: https://page.example\r\n"
        b"Content-Length: 99999999\r\n\r\n"
    )
    assert b" 413 " in answered
    assert b"access-control-allow-origin: *" in answered


@pytest.mark.parametrize(
    "origins",
    ["https://a.example", "*", "http://localhost:3000 ,https://[::1]:8443", "HTTPS://A.example"],
)
def test_origins(origins: str) -> None:
    expected = [each.strip().lower() for each in origins.split(",")]
    assert read_settings(["--cors-origins", origins]).origins == expected


@pytest.mark.parametrize(
    "origins",
    ["a.example", "https://a.example/", "https://a.example/path", "ftp://a", "**"],
)
def test_a_value_that_is_no_origin_is_explained(origins: str) -> None:
    with pytest.raises(SettingError, match=r"must be \* or origins such as https://example.org"):
        read_settings(["--cors-origins", origins])


def test_no_origins() -> None:
    assert Settings().origins == Settings(cors_origins=" ").origins == []

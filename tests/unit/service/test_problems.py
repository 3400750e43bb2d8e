"""service/problems.py and service/middleware.py: problem documents, request ids and HEAD."""

import logging
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query
from starlette.types import Receive, Scope, Send

from service.middleware import RequestMiddleware
from service.observability.metrics import Telemetry
from service.overload.memory import MemoryLedger
from service.problems import FieldError, Problem, install_problem_handlers

pytestmark = pytest.mark.anyio

MEMORY = MemoryLedger(1)


def app_that_fails() -> FastAPI:
    app = FastAPI(openapi_url=None)
    install_problem_handlers(app)
    app.add_middleware(RequestMiddleware, telemetry=Telemetry(), memory=MEMORY)

    @app.get("/number")
    async def number(value: Annotated[int, Query()]) -> int:
        return value

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("a secret")

    @app.get("/memory")
    async def memory() -> None:
        raise MemoryError

    @app.get("/many")
    async def many() -> None:
        raise Problem.invalid(FieldError(field=str(each), rule="is bad") for each in range(20))

    return app


async def get(path: str, method: str = "GET", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=app_that_fails())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nothing", 404, "Not Found"),
        ("POST", "/number", 405, "Method Not Allowed"),
        ("GET", "/number", 422, "Unprocessable Content"),
        ("GET", "/bug", 500, "Internal Server Error"),
        ("GET", "/memory", 503, "Service Unavailable"),
    ],
)
async def test_every_error_is_a_problem(method: str, path: str, status: int, title: str) -> None:
    answer = await get(path, method, **{"X-Request-ID": "abc-1"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "abc-1"
    problem = answer.json()
    assert problem["type"] == "about:blank"
    assert problem["title"] == title
    assert problem["status"] == status
    assert problem["instance"] == "abc-1"
    assert problem["detail"]


async def test_405_keeps_allow() -> None:
    assert (await get("/number", "POST")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_fastapis_validation_errors_have_the_same_format_and_no_value() -> None:
    answer = await get("/number?value=sixty-one")
    assert answer.json()["errors"] == [{"field": "value", "rule": "breaks int_parsing"}]
    assert "sixty" not in answer.text


async def test_at_most_ten_errors() -> None:
    assert len((await get("/many")).json()["errors"]) == 10


async def test_an_unexpected_error_is_logged_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await get("/bug")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "a secret" in caplog.text
    assert caplog.messages == ["unhandled_exception"]


@pytest.mark.parametrize("error", [RuntimeError(), Problem(422)])
async def test_an_error_after_the_response_started_is_left_to_the_server(
    error: Exception,
) -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    app = RequestMiddleware(half, Telemetry(), MEMORY)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        with pytest.raises(type(error)):
            await client.get("http://test/")


@pytest.mark.parametrize("sent", ["", "a b", "é", "x" * 129, "a,b", "{}"])
async def test_an_invalid_request_id_is_replaced(sent: str) -> None:
    transport = httpx.ASGITransport(app=app_that_fails())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/nothing", headers=[(b"X-Request-ID", sent.encode())])
    generated = answer.headers["x-request-id"]
    assert len(generated) == 32
    assert int(generated, 16)


async def test_request_ids_differ() -> None:
    assert (await get("/")).headers["x-request-id"] != (await get("/")).headers["x-request-id"]


async def test_head_is_get_without_the_body() -> None:
    answer = await get("/number?value=3", "HEAD")
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == "1"


def test_long_texts_are_cut() -> None:
    long = "x" * 10**6
    problem = Problem(422, f"{long}.", [FieldError(field=long, rule=f"must be {long}")] * 20)
    assert len(bytes(problem.response_for({"path": "/predict"}).body)) < 2 * 11 * 500
    assert problem.errors[0]["rule"].startswith("must be xx")
    assert len(problem.detail) == 500
    assert problem.detail.endswith("xx.")

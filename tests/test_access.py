"""service/access.py: keys, scopes, and that nothing is open by oversight."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model.predictor import Predictor
from service.access import OPEN, Access
from service.app import create_app
from service.problems import Problem
from service.settings import SettingError, Settings

pytestmark = pytest.mark.anyio

SECRET = "f" * 64
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
IDENTITIES = "clinic:predict scraper:metrics both:predict+metrics root:admin".split()
KEYS = ", ".join(f"{each}:{DIGEST}" for each in IDENTITIES)
ROW = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}


@pytest.fixture
def app(predictor: Predictor) -> FastAPI:
    return create_app(Settings(api_keys=KEYS), predictor)


def routes(within: Any) -> Iterator[tuple[str, str]]:
    """Every route and method, its parameters filled in."""
    for route in within.routes:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router)
        path = str(getattr(route, "path", ""))
        for name, value in {"name": "article", "version": "0" * 12}.items():
            path = path.replace(f"{{{name}}}", value)
        for method in getattr(route, "methods", None) or ():
            yield method, path


async def test_nothing_but_health_is_open(client: httpx.AsyncClient, app: FastAPI) -> None:
    tried = set(routes(app)) | {("GET", "/nothing"), ("PUT", "/predict"), ("GET", "/v2/nothing")}
    assert len(tried) > 15
    for method, path in tried:
        for headers in ({}, {"X-API-Key": f"nobody.{SECRET}"}, {"X-API-Key": "clinic.wrong"}):
            answer = await client.request(method, path, headers=headers)
            if path in OPEN:
                assert answer.status_code != 401
            else:
                assert (path, answer.status_code) == (path, 401)
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "x-request-id" in answer.headers


@pytest.mark.parametrize(
    ("identity", "predicts", "scrapes"),
    [
        ("clinic", 200, 403),
        ("scraper", 403, 200),
        ("both", 200, 200),
        ("root", 200, 200),
    ],
)
async def test_scopes(
    client: httpx.AsyncClient, identity: str, predicts: int, scrapes: int
) -> None:
    for headers in (
        {"X-API-Key": f"{identity}.{SECRET}"},
        {"Authorization": f"Bearer {identity}.{SECRET}"},
        {"Authorization": f"bearer  {identity}.{SECRET}"},
    ):
        for path in ("/predict", "/models/article/predict"):
            assert (await client.post(path, json=ROW, headers=headers)).status_code == predicts
        for path in ("/metrics", "/models/article/metrics"):
            assert (await client.get(path, headers=headers)).status_code == scrapes
        assert (await client.get("/model", headers=headers)).status_code == 200
        assert (await client.get("/nothing", headers=headers)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Basic clinic.{SECRET}"},
        {"Authorization": f"Bearer clinic.{SECRET}", "X-API-Key": f"clinic.{SECRET}"},
        {"X-API-Key": SECRET},
        {"X-API-Key": f".{SECRET}"},
        {"X-API-Key": "clinic."},
        {"X-API-Key": f"clinic.{DIGEST}"},
        {"X-API-Key": f"clinic.{SECRET}.x"},
    ],
)
async def test_what_is_no_key(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.post("/predict", json=ROW, headers=headers)
    assert answer.status_code == 401
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "clinic",
        "clinic:predict",
        f"clinic:everything:{DIGEST}",
        f"clinic::{DIGEST}",
        f"cli nic:predict:{DIGEST}",
        "clinic:predict:123",
        f"clinic:predict:{DIGEST},",
        f"clinic:predict:{DIGEST},clinic:admin:{DIGEST}",
    ],
)
def test_a_wrong_setting_is_told_without_its_value(keys: str) -> None:
    with pytest.raises(SettingError, match=r"^MALIGNANCY_API_KEYS \(--api-keys\) must be") as error:
        Access(keys)
    assert DIGEST not in str(error.value)


def asked(method: str, path: str, *headers: tuple[bytes, bytes]) -> Problem | None:
    """How a request is refused, if it is."""
    digest = hashlib.sha256(b"a.b").hexdigest()
    access = Access(f"{KEYS}, all:predict+metrics+admin:{DIGEST}, dotted:predict:{digest}")
    try:
        access.require({"method": method, "path": path, "headers": list(headers)})
    except Problem as problem:
        return problem
    return None


def key(identity: str, secret: str = SECRET) -> tuple[bytes, bytes]:
    return b"x-api-key", f" {identity}.{secret} ".encode()


def test_a_refusal_says_what_is_missing() -> None:
    unknown = asked("GET", "/model")
    assert unknown is not None
    assert (
        str(unknown) == "401: This service needs an API key, as Authorization: Bearer or X-API-Key."
    )
    assert unknown.headers == {"WWW-Authenticate": "Bearer"}
    for identity, method, path, needed in (
        ("clinic", "GET", "/metrics", "metrics"),
        ("scraper", "POST", "/predict", "predict"),
        ("scraper", "DELETE", "/model", "predict"),
    ):
        assert str(asked(method, path, key(identity))) == f"403: This API key is not for {needed}."


def test_what_a_key_reaches() -> None:
    for identity in "clinic scraper both root all".split():
        for method in ("GET", "HEAD"):
            assert asked(method, "/model", key(identity)) is None
    assert asked("POST", "/predict", key("all")) is None
    assert asked("GET", "/metrics", key("all")) is None
    assert asked("POST", "/predict", key("dotted", "a.b")) is None


def test_a_key_is_in_one_of_two_headers() -> None:
    good = f"Bearer clinic.{SECRET}".encode()
    other = (b"x-other", good)
    assert asked("POST", "/predict", (b"authorization", good), other) is None
    assert asked("POST", "/predict", other) is not None
    assert asked("POST", "/predict", (b"authorization", good), (b"authorization", good)) is not None
    assert asked("POST", "/predict", (b"authorization", b"Basic, " + good[7:])) is not None


def test_the_rule_of_the_setting() -> None:
    with pytest.raises(SettingError) as error:
        Access("clinic")
    assert "scopes of predict, metrics, admin" in str(error.value)

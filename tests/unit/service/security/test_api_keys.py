"""service/security/api_keys.py: keys and scopes; no path is open by oversight."""

import hashlib
import logging
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model.prediction.predictor import Predictor
from service.app import create_app
from service.health_checks import PATHS, is_health_check
from service.problems import Problem
from service.security.api_keys import ApiKeyAuth
from service.settings import SettingError, Settings

pytestmark = pytest.mark.anyio

SECRET = "f" * 64
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
IDENTITIES = "clinic:predict scraper:metrics both:predict+metrics root:admin".split()
KEYS = ", ".join(f"{each}:{DIGEST}" for each in IDENTITIES)
HEALTH_CHECKS = (*PATHS, "/v2/models/article/ready")
ROW = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}
BASIC = 'Basic realm="id and secret of an API key", charset="UTF-8"'


def basic(identity: str, secret: str = SECRET) -> str:
    return f"Basic {b64encode(f'{identity}:{secret}'.encode()).decode()}"


@pytest.fixture
def app(predictor: Predictor) -> FastAPI:
    return create_app(Settings(api_keys=KEYS), predictor)


def routes(within: Any) -> Iterator[tuple[str, str]]:
    """Yield every method and path, with path parameters filled in."""
    for route in within.routes:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router)
        path = str(getattr(route, "path", ""))
        for name, value in {"name": "article", "version": "0" * 12}.items():
            path = path.replace(f"{{{name}}}", value)
        for method in getattr(route, "methods", None) or ():
            yield method, path


async def test_only_health_checks_are_open(client: httpx.AsyncClient, app: FastAPI) -> None:
    tried = set(routes(app)) | {("GET", "/nothing"), ("PUT", "/predict"), ("GET", "/v2/nothing")}
    assert len(tried) > 15
    for method, path in tried:
        for headers in ({}, {"X-API-Key": f"unknown.{SECRET}"}, {"X-API-Key": "clinic.wrong"}):
            answer = await client.request(method, path, headers=headers)
            if is_health_check(path):
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
        {"Authorization": f"BEARER {identity}.{SECRET}", "X-API-Key": f"{identity}.{SECRET}"},
        {"Authorization": "", "X-API-Key": f"{identity}.{SECRET}"},
        {"Authorization": f"Bearer {identity}.{SECRET}", "X-API-Key": ""},
        {"Authorization": basic(identity)},
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
        {},
        {"Authorization": f"Basic clinic.{SECRET}"},
        {"Authorization": basic("clinic", SECRET[1:])},
        {"Authorization": basic("clinic").replace("Basic", "Basic:")},
        {"Authorization": f"Basic {b64encode(f'clinic{SECRET}'.encode()).decode()}"},
        {"Authorization": f"{basic('clinic')}, {basic('clinic')}"},
        {"Authorization": basic("clinic")[:-2]},
        {"Authorization": "Basic \xff"},
        {"Authorization": "Basic"},
        {"Authorization": f"Bearer{SECRET}"},
        {"Authorization": f"clinic.{SECRET}"},
        {"Authorization": f"Token clinic.{SECRET}"},
        {"Authorization": f"Bearer Bearer clinic.{SECRET}"},
        {"Authorization": f"Bearer clinic.{SECRET}, Bearer clinic.{SECRET}"},
        {"X-API-Key": f"clinic.{SECRET},clinic.{SECRET}"},
        {"X-API-Key": f"CLINIC.{SECRET}"},
        {"X-API-Key": f"clinic.{SECRET.upper()}"},
        {"X-API-Key": f"clinic.{SECRET[:-1]}"},
        {"X-API-Key": "clinic.é\xff"},
        {"X-API-Key": "é.x"},
        {"X-API-Key": "clinic." + "x" * 30_000},
        {"Cookie": f"X-API-Key=clinic.{SECRET}"},
        {"Proxy-Authorization": f"Bearer clinic.{SECRET}"},
        {"Authorization": f"Bearer clinic.{SECRET}", "X-API-Key": f"both.{SECRET}"},
        {"Authorization": basic("clinic"), "X-API-Key": "clinic.wrong"},
        {"X-API-Key": SECRET},
        {"X-API-Key": f".{SECRET}"},
        {"X-API-Key": "clinic."},
        {"X-API-Key": f"clinic.{DIGEST}"},
        {"X-API-Key": f"clinic.{SECRET}.x"},
    ],
)
async def test_invalid_keys(
    client: httpx.AsyncClient, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await client.post("/predict", json=ROW, headers=raw)
    assert answer.status_code == 401
    assert SECRET not in answer.text + str(answer.headers)
    assert (await client.get(f"/model?key=clinic.{SECRET}", headers=raw)).status_code == 401
    ours = [each for each in caplog.records if each.name.startswith(("service", "model"))]
    assert not [each for each in ours if SECRET in str(vars(each))]


async def test_keys_that_differ_are_invalid(client: httpx.AsyncClient) -> None:
    for name, prefix in (("X-API-Key", ""), ("Authorization", "Bearer ")):
        headers = [(name, f"{prefix}{identity}.{SECRET}") for identity in ("root", "root", "both")]
        assert (await client.get("/model", headers=headers[:1])).status_code == 200
        assert (await client.get("/model", headers=headers[:2])).status_code == 200
        assert (await client.get("/model", headers=headers)).status_code == 401
    headers = [("Authorization", basic(identity)) for identity in ("root", "both")]
    assert (await client.get("/model", headers=headers)).status_code == 401


async def test_a_browser_prompts_for_the_key_of_a_page(client: httpx.AsyncClient) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for method, path, accepted, challenges in (
        ("GET", "/docs", accept, ["Bearer", BASIC]),
        ("HEAD", "/docs", "TEXT/HTML", ["Bearer", BASIC]),
        ("GET", "/nothing", accept, ["Bearer", BASIC]),
        ("GET", "/docs", "*/*", ["Bearer"]),  # as scripts and fetch() send
        ("POST", "/predict", accept, ["Bearer"]),  # a form, perhaps of another site
    ):
        answer = await client.request(method, path, headers={"Accept": accepted})
        assert answer.status_code == 401
        assert answer.headers.get_list("www-authenticate") == challenges


async def test_what_a_browser_sends_from_the_page(client: httpx.AsyncClient) -> None:
    """It repeats the user and the password; a key that the user has entered is decisive."""
    headers = {"Authorization": basic("clinic"), "Sec-Fetch-Site": "same-origin"}
    for path in ("/docs", "/docs/start.js", "/openapi.json"):
        assert (await client.get(path, headers=headers)).status_code == 200
    assert (await client.post("/predict", json=ROW, headers=headers)).status_code == 200
    headers["X-API-Key"] = f"scraper.{SECRET}"
    assert (await client.post("/predict", json=ROW, headers=headers)).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_page_of_another_site_cannot_use_the_key_of_a_browser(
    client: httpx.AsyncClient, site: str
) -> None:
    headers = {"Authorization": basic("clinic"), "Sec-Fetch-Site": site}
    assert (await client.post("/predict", json=ROW, headers=headers)).status_code == 401
    assert (await client.get("/docs", headers=headers)).status_code == 200  # by a link
    headers["Authorization"] = f"Bearer clinic.{SECRET}"
    assert (await client.post("/predict", json=ROW, headers=headers)).status_code == 200


METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND".split()
VARIANTS = (
    "/%s //%s /%s/ /%s%%0a /%s%%00 /./%s /x/../%s /%s;x /%s%%2f /%s%%23 /%s.json /%s%%20".split()
)


@pytest.mark.parametrize("method", METHODS)
async def test_no_spelling_of_a_path_is_open(
    client: httpx.AsyncClient, app: FastAPI, method: str
) -> None:
    """Only the exact paths of health checks are open, for GET and HEAD, and only without CORS."""
    paths = {path for _, path in routes(app)} | {"/", "*", "/nothing", "/admin", "/docs/x"}
    paths |= {variant % path[1:] for path in (*HEALTH_CHECKS, "/predict") for variant in VARIANTS}
    paths |= {path.upper() for path in HEALTH_CHECKS} | {"/%68ealth%2Flive/../../predict"}
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for path in paths:
        answer = await client.send(
            client.build_request(method, f"http://test{path}", headers=origin)
        )
        seen = answer.request.url.path
        is_open = is_health_check(seen) and method in ("GET", "HEAD")
        assert answer.status_code == 401 or is_open, (method, path)
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/metrics", "/models/article/metrics"])
@pytest.mark.parametrize("end", ["", "%0a", "%0A"])
async def test_metrics_need_their_scope_however_they_are_spelled(
    client: httpx.AsyncClient, path: str, end: str
) -> None:
    headers = {"X-API-Key": f"clinic.{SECRET}"}
    assert (await client.get(f"{path}{end}", headers=headers)).status_code in (403, 404)
    assert (await client.get(f"/%6detrics{end}", headers=headers)).status_code in (403, 404)
    for name in ("/models/metrics", "/v2/models/metrics"):  # of a model with that name
        assert (await client.get(name, headers=headers)).status_code == 404


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
def test_the_error_of_a_wrong_setting_does_not_contain_its_value(keys: str) -> None:
    with pytest.raises(SettingError, match=r"^MALIGNANCY_API_KEYS \(--api-keys\) must be") as error:
        ApiKeyAuth(keys)
    assert DIGEST not in str(error.value)


def rejection_of(method: str, path: str, *headers: tuple[bytes, bytes]) -> Problem | None:
    """Return the problem of a rejected request, None for a permitted one."""
    digest = hashlib.sha256(b"a.b").hexdigest()
    access = ApiKeyAuth(f"{KEYS}, all:predict+metrics+admin:{DIGEST}, dotted:predict:{digest}")
    try:
        access.require({"method": method, "path": path, "headers": list(headers)})
    except Problem as problem:
        return problem
    return None


def key(identity: str, secret: str = SECRET) -> tuple[bytes, bytes]:
    return b"x-api-key", f"{identity}.{secret}".encode()


def test_the_detail_names_the_missing_scope() -> None:
    unknown = rejection_of("GET", "/model")
    assert unknown is not None
    assert (
        str(unknown) == "401: This service needs an API key, as Authorization: Bearer or X-API-Key."
    )
    assert dict(unknown.headers or {}) == {"www-authenticate": "Bearer"}
    for identity, method, path, required in (
        ("clinic", "GET", "/metrics", "metrics"),
        ("scraper", "POST", "/predict", "predict"),
        ("clinic", "DELETE", "/model", "admin"),
        ("clinic", "POST", "/feedback", "feedback"),
    ):
        assert (
            str(rejection_of(method, path, key(identity)))
            == f"403: This API key lacks the scope {required}."
        )


def test_permitted_requests() -> None:
    for identity in "clinic scraper both root all".split():
        for method in ("GET", "HEAD"):
            assert rejection_of(method, "/model", key(identity)) is None
    assert rejection_of("POST", "/predict", key("all")) is None
    assert rejection_of("GET", "/metrics", key("all")) is None
    assert rejection_of("POST", "/predict", key("dotted", "a.b")) is None


def test_the_headers_of_a_key() -> None:
    good = f"Bearer clinic.{SECRET}".encode()
    other = (b"x-other", good)
    assert rejection_of("POST", "/predict", (b"authorization", good), other) is None
    assert rejection_of("POST", "/predict", other) is not None
    assert rejection_of("POST", "/predict", (b"authorization", b"Bearer"), key("clinic")) is None
    assert rejection_of("POST", "/predict", (b"authorization", b"Basic, " + good[7:])) is not None


def test_the_rule_of_the_setting() -> None:
    with pytest.raises(SettingError) as error:
        ApiKeyAuth("clinic")
    assert "scopes of predict, metrics, feedback, admin" in str(error.value)

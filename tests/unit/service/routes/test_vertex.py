"""Tests of service.routes.vertex: the paths that Vertex AI gives to a container."""

import httpx
import pytest

from model.prediction.predictor import Predictor
from service import health_checks
from service.app import create_app
from service.environment import vertex_health_path
from service.settings import SettingError, Settings

pytestmark = pytest.mark.anyio

PREDICT = "/v1/endpoints/7/deployedModels/8:predict"
HEALTH = "/v1/endpoints/7/deployedModels/8"
BODY = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]], "parameters": {"threshold": 0.75}}


@pytest.mark.parametrize(
    ("predict", "health"), [(PREDICT, HEALTH), ("/predict", "/health"), ("/", "/"), ("/a/", "/b/")]
)
async def test_the_paths_of_the_variables(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, predict: str, health: str
) -> None:
    monkeypatch.setenv("AIP_PREDICT_ROUTE", predict)
    monkeypatch.setenv("AIP_HEALTH_ROUTE", health)
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        # The server removes a slash at the end.
        answer = await client.post(predict.rstrip("/") or "/", json=BODY)
        expected = await client.post("/predict?threshold=0.75", json=BODY)
        assert (answer.status_code, answer.json()) == (200, expected.json())
        checked = await client.get(health.rstrip("/") or "/")
        assert (checked.status_code, checked.json()["status"]) == (200, "ready")


@pytest.mark.parametrize("path", ["predict", "/{name}", "/a b", "/a?b", "/ä", "/a#b", "/a\n"])
@pytest.mark.parametrize("variable", ["AIP_PREDICT_ROUTE", "AIP_HEALTH_ROUTE"])
def test_a_variable_that_is_no_path_stops_the_start(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, variable: str, path: str
) -> None:
    monkeypatch.setenv(variable, path)
    with pytest.raises(SettingError, match=f"{variable} must be a path that begins with a slash"):
        create_app(Settings(), predictor)


def test_the_health_check_is_one_unless_predictions_have_its_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = {"AIP_PREDICT_ROUTE": PREDICT, "AIP_HEALTH_ROUTE": HEALTH}
    assert vertex_health_path({}) == ""
    assert vertex_health_path(variables) == HEALTH
    assert vertex_health_path({**variables, "AIP_PREDICT_ROUTE": f"{HEALTH}/"}) == ""
    assert not health_checks.is_health_check(HEALTH)
    monkeypatch.setattr(health_checks, "VERTEX_PATH", vertex_health_path(variables))
    assert health_checks.is_health_check(HEALTH)
    assert not health_checks.is_health_check(PREDICT)
    assert not health_checks.is_health_check("")

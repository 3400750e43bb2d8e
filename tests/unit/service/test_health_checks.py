"""service/health_checks.py: the paths that keys, logs, traces and admission treat alike."""

import pytest

from service.health_checks import is_health_check


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/health/live",
        "/health/ready",
        "/ping",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/article/ready",
        "/v2/models/{name}/versions/{version}/ready",
        "/v1/models/article",
        "/v1/models/{name}/versions/{version}",
    ],
)
def test_health_checks(path: str) -> None:
    assert is_health_check(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/healthy",
        "/health/other",
        "/health/live\n",
        "/v2/models/article",
        "/v2/models//ready",
        "/v2/models/ready",
        "/v2/models/article/ready\n",
        "/v2/models/a/b/ready",
        "/v2/models/a/versions/ready",
        "/v2/models/article/infer",
        "/models/article/ready",
        "/v1/models",
        "/v1/models/",
        "/v1/models/article:predict",
        "/v1/models/article/versions/1:predict",
    ],
)
def test_other_paths(path: str) -> None:
    assert not is_health_check(path)

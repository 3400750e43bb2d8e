"""A Prometheus server scrapes the service; every query of the dashboard has series."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from support.eventually import until
from support.paths import ROOT
from support.prometheus_server import PrometheusServer, missing_prometheus
from support.service_process import running_service
from support.shadow_candidate import candidate_of
from support.store_client import ROW

from deploy.grafana.generate_dashboard import dashboard
from model.artifacts import artifact
from model.prediction.predictor import Predictor

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(bool(missing_prometheus()), reason=missing_prometheus()),
]

QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in dashboard()["panels"]
    for target in panel.get("targets", ())
]
VALUES = {"$__rate_interval": "10s", "$job": "malignancy", "$model": ".*"}


def send_traffic(url: str) -> None:
    """Send predictions, among them one that breaks the schema, and truths."""
    rows = np.random.default_rng(1).integers(1, 11, (60, 9)).tolist()
    assert httpx.post(f"{url}/predict", json={"instances": [["x"] * 9]}).status_code == 422
    answer = httpx.post(f"{url}/predict", json={"instances": [*rows, *([ROW] * 60)]})
    answered = answer.raise_for_status().json()
    # Of all rows: the sensitivity is not known where truth is a selection.
    truths = [{"id": f"{answered['id']}.{row}", "truth": row % 2 == 0} for row in range(120)]
    assert httpx.post(f"{url}/feedback", json=truths).json()["recorded"] == len(truths)


@pytest.fixture(scope="module")
def prometheus(
    predictor: Predictor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """A server that has scraped the service: with a store, truths, drift and a shadow version.

    Figures of 7 days are computed at the start and once a minute, so the service has been started
    before. Then its artifact is damaged.
    """
    folder = tmp_path_factory.mktemp("monitoring")
    served = folder / "article.joblib"
    artifact.save(predictor, served)
    candidate_of(predictor, folder / "candidate.joblib")
    settings: dict[str, object] = {
        "store": f"sqlite:///{folder / 'store.db'}",
        "store_keeps": "predictions",
        "shadow": f"article={folder / 'candidate.joblib'}",
    }
    with running_service(served, folder / "first.txt", **settings) as service:
        service.until_ready()
        send_traffic(service.url)
    data = folder / "prometheus"
    data.mkdir()
    rules = ROOT / "deploy" / "prometheus" / "alerts.yaml"
    with (
        running_service(served, folder / "second.txt", **settings) as service,
        PrometheusServer(data, [f"127.0.0.1:{service.port}"], rules) as server,
    ):
        until(lambda: value(server, "malignancy_live_rows") > 0)
        send_traffic(service.url)
        until(lambda: value(server, "malignancy_predictions_total") > 0)
        send_traffic(service.url)  # a rate needs two scrapes
        replace_by_text(served)
        until(lambda: value(server, 'malignancy_model_reloads_total{result="failed"}') > 0)
        yield server


def replace_by_text(path: Path) -> None:
    """Replace an artifact by a file that is none, at once."""
    broken = path.with_suffix(".part")
    broken.write_bytes(b"not an artifact")
    broken.replace(path)


def value(server: PrometheusServer, expression: str) -> float:
    """Return the sum of the series of a query."""
    return sum(float(each["value"][1]) for each in server.query(expression))


@pytest.mark.parametrize("query", QUERIES)
def test_the_query_of_a_panel_returns_series(prometheus: PrometheusServer, query: str) -> None:
    for name, replacement in VALUES.items():
        query = query.replace(name, replacement)
    found: list[dict[str, Any]] = []

    def has_series() -> bool:
        found[:] = prometheus.query(query)
        return bool(found)

    until(has_series)
    assert all(each["metric"].get("job", "malignancy") == "malignancy" for each in found)


def test_all_rules_are_evaluated_without_error(prometheus: PrometheusServer) -> None:
    until(lambda: "unknown" not in prometheus.rules().values())
    health = prometheus.rules()
    assert len(health) > 10
    assert set(health.values()) == {"ok"}


def test_a_failed_reload_and_nothing_else_raises_an_alert(prometheus: PrometheusServer) -> None:
    until(lambda: "MalignancyReloadFailed" in prometheus.alerts())
    # Rows of chance are not like those of the training: pending for an hour before it fires.
    assert prometheus.alerts() <= {
        "MalignancyReloadFailed",
        "MalignancyDrift",
        "MalignancySensitivityLow",
    }

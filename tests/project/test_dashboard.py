"""The dashboard of deploy/grafana: up to date, well formed, provisioned, with known metrics."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml
from support.paths import DOCS, ROOT

from deploy.grafana.generate_dashboard import COLUMNS, FILE, ROWS, dashboard_text

DASHBOARD = json.loads(FILE.read_text(encoding="utf-8"))
PANELS = [each for each in DASHBOARD["panels"] if each["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"


def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    """Return the cells of the grid that a panel covers."""
    place = panel["gridPos"]
    return {
        (column, row)
        for column in range(place["x"], place["x"] + place["w"])
        for row in range(place["y"], place["y"] + place["h"])
    }


def test_the_file_is_up_to_date() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text == dashboard_text(), "run: python deploy/grafana/generate_dashboard.py"


def test_the_panels_have_ids_and_places_of_their_kind() -> None:
    panels = DASHBOARD["panels"]
    assert [each["id"] for each in panels] == list(range(1, len(panels) + 1))
    assert [each["title"] for each in panels if each["type"] == "row"] == list(ROWS)
    titles = [each["title"] for each in PANELS]
    assert len(set(titles)) == len(titles) > 20
    for one, other in combinations(panels, 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])
    assert all(column < COLUMNS for panel in panels for column, _ in cells(panel))


def test_queries_use_the_variables_and_documented_metrics() -> None:
    names = {each["name"] for each in DASHBOARD["templating"]["list"]}
    documented = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    for query in QUERIES:
        assert 'job=~"$job"' in query
        assert set(re.findall(r"\$(\w+)", query)) <= names | {"__rate_interval"}
        for metric in re.findall(r"\bmalignancy_\w+", query):
            base = metric.removesuffix("_bucket")
            known = "malignancy_validation_" if "_validation_" in base else f"`{base}`"
            assert known in documented, metric
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${source}"
        ids = [target["refId"] for target in panel["targets"]]
        assert len(set(ids)) == len(ids) > 0


def test_every_metric_of_the_table_is_on_the_dashboard_or_in_an_alert() -> None:
    page = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    table = page.partition("\nThe last three rows")[0]
    metrics = set(re.findall(r"`(malignancy_[a-z_]+[a-z])`", table))
    assert len(metrics) > 20
    alerts = (ROOT / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8")
    text = "\n".join([*QUERIES, alerts])
    assert {metric for metric in metrics if metric not in text} == set()


@pytest.mark.parametrize("folder", ["datasources", "dashboards"])
def test_grafana_is_provisioned(folder: str) -> None:
    (path,) = (PROVISIONING / folder).iterdir()
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    mounts = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))
    services = mounts["services"]
    targets = [each.split(":")[1] for each in services["grafana"]["volumes"]]
    if folder == "datasources":
        assert content["datasources"][0]["url"] == "http://prometheus:9090"
        assert "/etc/grafana/provisioning" in targets
    else:
        assert f"{content['providers'][0]['options']['path']}/malignancy.json" in targets

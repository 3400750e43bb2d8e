"""The alert rules of deploy/prometheus: tested by promtool, documented, with known metrics."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import ROOT
from support.prometheus_server import missing_prometheus

from deploy.prometheus.generate_rules import FILE, rules_text
from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

FOLDER = ROOT / "deploy" / "prometheus"
TESTS = sorted(FOLDER.glob("*_test.yaml"))

needs_promtool = pytest.mark.skipif(bool(missing_prometheus()), reason=missing_prometheus())


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


GROUPS = read(FOLDER / "alerts.yaml")["groups"]
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in GROUPS for rule in group["rules"]
}


@needs_promtool
def test_promtool_accepts_the_rules_and_the_configuration(tmp_path: Path) -> None:
    configuration = read(FOLDER / "prometheus.yaml")
    assert configuration["rule_files"] == ["/etc/prometheus/alerts.yaml"]
    here = {**configuration, "rule_files": [str(FOLDER / "alerts.yaml")]}
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(here), encoding="utf-8")
    checked = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert f"{len(RULES)} rules found" in checked.stdout


@needs_promtool
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_promtool_passes_the_tests_of_the_rules(path: Path) -> None:
    tested = subprocess.run(
        ["promtool", "test", "rules", path.name],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_fires_in_one_test_and_is_silent_in_another() -> None:
    cases = [
        case for path in TESTS for test in read(path)["tests"] for case in test["alert_rule_test"]
    ]
    assert {each["alertname"] for each in cases if each.get("exp_alerts")} == RULES.keys()
    assert {each["alertname"] for each in cases if not each.get("exp_alerts")} == RULES.keys()


@pytest.mark.parametrize("name", RULES)
def test_an_alert_has_a_severity_and_a_section_in_the_docs(name: str) -> None:
    rule = RULES[name]
    assert rule["labels"]["severity"] in ("warning", "critical")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor == name.lower()
    text = (ROOT / page).read_text(encoding="utf-8")
    assert f"### {name}\n" in text
    assert f"| [{name}](#{anchor}) | {rule['labels']['severity']} |" in text


@pytest.mark.parametrize("name", RULES)
def test_an_alert_uses_metrics_of_the_service(name: str) -> None:
    documented = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    metrics = set(re.findall(r"\bmalignancy_\w+", RULES[name]["expr"]))
    assert metrics or "up{" in RULES[name]["expr"]
    for metric in metrics:
        assert f"`{metric.removesuffix('_bucket')}`" in documented, metric


def test_the_routes_that_are_left_out_are_the_health_checks(predictor: Predictor) -> None:
    (pattern,) = set(re.findall(r'route!~"([^"]+)"', str(RULES)))
    paths = create_app(Settings(), predictor).openapi()["paths"]
    left_out = {path for path in paths if re.fullmatch(pattern, path)}
    assert left_out == {path for path in paths if "health" in path or "ping" in path} | {
        "/v2/models/{name}/ready",
        "/v2/models/{name}/versions/{version}/ready",
    }


def test_the_rules_of_kubernetes_are_the_same() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text == rules_text(), "run: python deploy/prometheus/generate_rules.py"
    assert yaml.safe_load(text)["spec"]["groups"] == GROUPS

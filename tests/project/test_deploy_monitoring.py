"""deploy/compose.yaml with monitoring, and the components of Kubernetes besides the stores."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from support.paths import ROOT

from service.settings import PREFIX, Settings

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
COMPONENTS = KUBERNETES / "components"
COMPOSE_TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
SERVICES = yaml.safe_load(COMPOSE_TEXT)["services"]
MONITORING = {"store", "prometheus", "grafana"}
KINDS_WITHOUT_SCHEMA = {"Kustomization", "Component", "ServiceMonitor", "PrometheusRule"}
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl: not installed")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def variables() -> dict[str, str]:
    """Return the variables of deploy/monitoring.env."""
    lines = (DEPLOY / "monitoring.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_only_the_profile_starts_more_than_the_service() -> None:
    assert SERVICES.keys() == {"malignancy", *MONITORING}
    assert "profiles" not in SERVICES["malignancy"]
    assert all(SERVICES[name]["profiles"] == ["monitoring"] for name in MONITORING)
    assert "depends_on" not in SERVICES["malignancy"]


def test_no_container_is_reached_from_other_machines() -> None:
    assert "ports" not in SERVICES["store"]
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]


def test_images_have_a_version() -> None:
    for name in MONITORING:
        assert re.search(r":v?\d+(\.\d+)*$", SERVICES[name]["image"])


def test_the_files_that_are_mounted_exist() -> None:
    volumes = yaml.safe_load(COMPOSE_TEXT)["volumes"]
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source, target, *options = mount.split(":")
            assert target.startswith("/")
            if source.startswith("."):
                assert (DEPLOY / source).exists()
                assert options == ["ro"]
            else:
                assert source in volumes


def test_the_passwords_are_in_no_file_and_empty_variables_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "PASSWORD" not in str(variables())
    for name, value in SERVICES["malignancy"]["environment"].items():
        assert re.fullmatch(r"\$\{\w+:-\}", value)
        monkeypatch.setenv(name, "")
    settings = Settings()
    assert settings.store is None
    assert settings.store_keeps == "counts"


def test_the_variables_of_the_profile_are_valid_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    given = variables()
    for name, value in given.items():
        assert f"${{{name}:-}}" in COMPOSE_TEXT
        monkeypatch.setenv(name, value)
    store = Settings().store
    assert store is not None
    address = str(given[f"{PREFIX}STORE"])
    assert re.search(r"@(\w+)/", address) is not None
    assert (
        address
        == f"postgresql://{SERVICES['store']['environment']['POSTGRES_USER']}@store/malignancy"
    )
    for extra in given["EXTRAS"].split():
        assert (ROOT / "requirements" / f"{extra}.txt").exists()


def test_prometheus_scrapes_the_service() -> None:
    (scrape,) = read(DEPLOY / "prometheus" / "prometheus.yaml")["scrape_configs"]
    (target,) = scrape["static_configs"][0]["targets"]
    assert target == f"{scrape['job_name']}:8000" == "malignancy:8000"
    assert (
        scrape["job_name"] == "malignancy" == read(KUBERNETES / "service.yaml")["metadata"]["name"]
    )


def test_the_monitor_selects_the_service() -> None:
    monitor = read(COMPONENTS / "service_monitor" / "monitor.yaml")["spec"]
    (labels,) = read(KUBERNETES / "kustomization.yaml")["labels"]
    assert monitor["selector"]["matchLabels"] == labels["pairs"]
    (port,) = read(KUBERNETES / "service.yaml")["spec"]["ports"]
    assert monitor["endpoints"][0]["port"] == port["name"]


def test_the_shadow_version_is_copied_to_where_it_is_read() -> None:
    pod = read(COMPONENTS / "shadow" / "deployment_patch.yaml")["spec"]["template"]["spec"]
    (copy,), (service,), (volume,) = pod["initContainers"], pod["containers"], pod["volumes"]
    given = {each["name"]: each["value"] for each in service["env"]}
    settings = Settings(
        store="sqlite:///x.db",
        shadow=given[f"{PREFIX}SHADOW"],
        store_keeps=given[f"{PREFIX}STORE_KEEPS"],
    )
    assert settings.store_keeps == "predictions"
    (mount,), (source,) = service["volumeMounts"], copy["volumeMounts"]
    assert mount["name"] == source["name"] == volume["name"]
    artifact = re.search(r"'(/artifacts/[\w.]+)', '(/\w+)'", copy["command"][-1])
    assert artifact is not None
    assert f"MALIGNANCY_ARTIFACT={artifact[1]}" in (ROOT / "Dockerfile").read_text("utf-8")
    copied = f"{artifact[2]}/{Path(artifact[1]).name}"
    assert given[f"{PREFIX}SHADOW"] == f"wisconsin={copied}"
    assert artifact[2] == mount["mountPath"] == source["mountPath"]
    assert copy["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("name", ["shadow", "service_monitor", "autoscaling_in_flight"])
def test_a_component_lists_every_file(name: str) -> None:
    component = read(COMPONENTS / name / "kustomization.yaml")
    listed = {each["path"] for each in component.get("patches", ())}
    listed |= set(component.get("resources", ()))
    assert {path.name for path in (COMPONENTS / name).iterdir()} == {*listed, "kustomization.yaml"}


@needs_kubectl
@pytest.mark.parametrize("version", ["1.31", "1.35"])
def test_all_components_together_are_valid(version: str, tmp_path: Path) -> None:
    copied = tmp_path / "kubernetes"
    shutil.copytree(KUBERNETES, copied)
    names = ("postgres", "shadow", "service_monitor", "autoscaling_in_flight")
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../kubernetes"],
        "components": [f"../kubernetes/components/{name}" for name in names],
    }
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    built = subprocess.run(
        ["kubectl", "kustomize", tmp_path / "mine"], capture_output=True, text=True, check=True
    )
    resources = {
        (each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(built.stdout)
    }
    for (kind, _), resource in resources.items():
        if kind not in KINDS_WITHOUT_SCHEMA:
            kubernetes_validate.validate(resource, version, strict=True)
    metrics = resources["HorizontalPodAutoscaler", "malignancy"]["spec"]["metrics"]
    assert [each["type"] for each in metrics] == ["Pods"]
    pod = resources["Deployment", "malignancy"]["spec"]["template"]["spec"]
    given = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert given[f"{PREFIX}STORE_KEEPS"] == "predictions"
    assert given[f"{PREFIX}STORE"].startswith("postgresql://")
    assert ("PrometheusRule", "malignancy") in resources

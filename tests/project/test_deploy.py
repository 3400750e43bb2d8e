"""The manifests of deploy/ are valid, and agree with each other and with the image."""

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from support.paths import ROOT

from service.lifecycle import GRACE_SECONDS
from service.overload.budgets import MIB, RESERVED_BYTES, Budgets

FOLDER = ROOT / "deploy" / "kubernetes"
RESOURCES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


DEPLOYMENT = read(FOLDER / "deployment.yaml")
POD = DEPLOYMENT["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.stem)
@pytest.mark.parametrize("version", ["1.31", "1.35"])
def test_a_manifest_is_valid(path: Path, version: str) -> None:
    kubernetes_validate.validate(read(path), version, strict=True)


def test_the_kustomization_lists_every_manifest() -> None:
    assert sorted(read(FOLDER / "kustomization.yaml")["resources"]) == [
        path.name for path in RESOURCES
    ]


def test_all_manifests_select_the_same_pods() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == labels
    assert read(FOLDER / "service.yaml")["spec"]["selector"] == labels
    assert read(FOLDER / "disruption_budget.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert read(FOLDER / "network_policy.yaml")["spec"]["podSelector"]["matchLabels"] == labels
    target = read(FOLDER / "autoscaler.yaml")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", DEPLOYMENT["metadata"]["name"])


def test_the_container_agrees_with_the_image() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    user = POD["securityContext"]["runAsUser"]
    assert f"USER {user}:{user}" in image
    assert f"EXPOSE {CONTAINER['ports'][0]['containerPort']}" in image
    assert POD["enableServiceLinks"] is False  # otherwise Kubernetes sets MALIGNANCY_PORT
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert CONTAINER[probe]["httpGet"]["port"] == CONTAINER["ports"][0]["name"]


def test_the_pod_has_no_privileges() -> None:
    security = CONTAINER["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["automountServiceAccountToken"] is False
    assert read(FOLDER / "network_policy.yaml")["spec"]["egress"] == []


def test_the_grace_period_exceeds_the_shutdown() -> None:
    (drain,) = (
        float(each["value"])
        for each in CONTAINER["env"]
        if each["name"] == "MALIGNANCY_DRAIN_SECONDS"
    )
    assert drain > CONTAINER["readinessProbe"]["timeoutSeconds"]
    assert POD["terminationGracePeriodSeconds"] > drain + GRACE_SECONDS + 1
    service = read(ROOT / "deploy" / "compose.yaml")["services"]["malignancy"]
    assert float(service["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS + 1
    assert "MALIGNANCY_DRAIN_SECONDS" not in service["environment"]


def size_of(text: str) -> int:
    """Return a quantity of Kubernetes or Docker in bytes."""
    units = {"g": 1024**3, "Gi": 1024**3, "m": 1024**2, "Mi": 1024**2}
    number = text.rstrip("GMgmi")
    return int(number) * units[text.removeprefix(number)]


def test_the_budgets_fit_into_the_memory_of_a_pod() -> None:
    limit = size_of(CONTAINER["resources"]["limits"]["memory"])
    budgets = Budgets.for_limit(limit, workers=1)
    assert RESERVED_BYTES + budgets.memory_bytes + budgets.spool_bytes <= limit
    (spooled,) = (
        int(each["value"])
        for each in CONTAINER["env"]
        if each["name"] == "MALIGNANCY_MAX_SPOOLED_ANSWER_BYTES"
    )
    (volume,) = POD["volumes"]
    assert "medium" not in volume["emptyDir"]  # a disk, so spooled answers are no memory
    assert spooled < size_of(volume["emptyDir"]["sizeLimit"])


def test_the_budgets_fit_into_the_memory_of_compose() -> None:
    service = read(ROOT / "deploy" / "compose.yaml")["services"]["malignancy"]
    limit = size_of(service["mem_limit"])
    budgets = Budgets.for_limit(limit, workers=1)
    assert RESERVED_BYTES + budgets.memory_bytes + budgets.spool_bytes <= limit
    (temporary,) = service["tmpfs"]
    path, _, size = temporary.partition(":size=")
    assert path == "/tmp"
    assert budgets.spool_bytes <= size_of(size)
    # A full folder leaves the rest of the memory.
    assert RESERVED_BYTES + budgets.memory_bytes + size_of(size) <= limit + 16 * MIB


def test_compose_has_no_privileges() -> None:
    service = read(ROOT / "deploy" / "compose.yaml")["services"]["malignancy"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert (ROOT / "deploy" / service["build"]["context"] / "Dockerfile").exists()

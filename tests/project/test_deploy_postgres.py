"""The component of deploy/kubernetes with PostgreSQL is valid, and reaches what it needs only."""

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from support.paths import ROOT

FOLDER = ROOT / "deploy" / "kubernetes" / "components" / "postgres"
PATCHES = ("deployment_patch.yaml", "network_policy_patch.yaml")
NAME = "malignancy-store"


def read(name: str, folder: Path = FOLDER) -> Any:
    return yaml.safe_load((folder / name).read_text(encoding="utf-8"))


COMPONENT = read("kustomization.yaml")


def secret_of(container: dict[str, Any], variable: str) -> dict[str, str]:
    (found,) = (each for each in container["env"] if each["name"] == variable)
    reference: dict[str, str] = found["valueFrom"]["secretKeyRef"]
    return reference


@pytest.mark.parametrize("name", COMPONENT["resources"])
@pytest.mark.parametrize("version", ["1.31", "1.35"])
def test_a_manifest_is_valid(name: str, version: str) -> None:
    kubernetes_validate.validate(read(name), version, strict=True)


def test_the_component_lists_every_file() -> None:
    patches = [each["path"] for each in COMPONENT["patches"]]
    listed = {*COMPONENT["resources"], *patches, "kustomization.yaml"}
    assert {path.name for path in FOLDER.iterdir()} == listed
    assert patches == list(PATCHES)


def test_the_password_is_in_the_secret_only() -> None:
    database = read("database.yaml")["spec"]["template"]["spec"]["containers"][0]
    patched = read("deployment_patch.yaml")["spec"]["template"]["spec"]["containers"][0]
    migration = read("migration.yaml")["spec"]["template"]["spec"]["containers"][0]
    assert secret_of(database, "POSTGRES_PASSWORD") == {"name": NAME, "key": "password"}
    for container in (patched, migration):
        assert secret_of(container, "PGPASSWORD") == {"name": NAME, "key": "password"}
        (store,) = (each for each in container["env"] if each["name"] == "MALIGNANCY_STORE")
        assert store["value"] == f"postgresql://malignancy@{NAME}/malignancy"
    assert not [name for name in COMPONENT["resources"] if read(name)["kind"] == "Secret"]


def test_only_the_service_and_the_migration_reach_the_database() -> None:
    labels = read("database.yaml")["spec"]["template"]["metadata"]["labels"]
    policy = read("database_network_policy.yaml")["spec"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["egress"] == []
    assert read("database_service.yaml")["spec"]["selector"] == labels
    opened = read("network_policy_patch.yaml")["spec"]["egress"]
    assert opened[0]["to"] == [{"podSelector": {"matchLabels": labels}}]
    assert {port["port"] for rule in opened for port in rule["ports"]} == {5432, 53}


@pytest.mark.parametrize("name", ["database.yaml", "migration.yaml"])
def test_pods_have_no_privileges(name: str) -> None:
    pod = read(name)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}

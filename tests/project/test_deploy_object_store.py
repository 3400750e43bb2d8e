"""The component of deploy/kubernetes with an object store fits the deployment and the settings."""

from typing import Any

import yaml
from support.paths import ROOT

from model.artifacts.mirror import CACHE_VARIABLE
from service.settings import PREFIX, Settings

KUBERNETES = ROOT / "deploy" / "kubernetes"
FOLDER = KUBERNETES / "components" / "object_store"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


POD = read("deployment_patch.yaml")["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
VARIABLES = {each["name"]: each["value"] for each in CONTAINER["env"]}


def test_the_component_lists_every_file() -> None:
    patches = [each["path"] for each in read("kustomization.yaml")["patches"]]
    assert {path.name for path in FOLDER.iterdir()} == {*patches, "kustomization.yaml"}


def test_the_patches_are_of_existing_resources() -> None:
    for patch, resource in (
        ("deployment_patch.yaml", "deployment.yaml"),
        ("network_policy_patch.yaml", "network_policy.yaml"),
    ):
        found = read(patch)
        original = yaml.safe_load((KUBERNETES / resource).read_text(encoding="utf-8"))
        for key in ("apiVersion", "kind"):
            assert found[key] == original[key]
        assert found["metadata"]["name"] == original["metadata"]["name"]
    original = yaml.safe_load((KUBERNETES / "deployment.yaml").read_text(encoding="utf-8"))
    pod = original["spec"]["template"]["spec"]
    assert CONTAINER["name"] == pod["containers"][0]["name"]
    assert POD["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_the_variables_are_settings_and_the_secret_is_in_no_file() -> None:
    names = {name for name in VARIABLES if name.startswith(PREFIX)}
    assert {name.removeprefix(PREFIX).lower() for name in names} <= Settings.model_fields.keys()
    assert f"{PREFIX}ARTIFACT_CACHE" == CACHE_VARIABLE
    settings = Settings(artifact=VARIABLES[f"{PREFIX}ARTIFACT"])
    assert settings.artifact == VARIABLES[f"{PREFIX}ARTIFACT"]  # a URI
    assert not [name for name in VARIABLES if "SECRET" in name or "KEY" in name]
    (source,) = CONTAINER["envFrom"]
    assert source["secretRef"]["name"] in (FOLDER / "kustomization.yaml").read_text()


def test_the_copies_are_in_a_volume() -> None:
    (mount,), (volume,) = CONTAINER["volumeMounts"], POD["volumes"]
    assert mount == {"name": volume["name"], "mountPath": VARIABLES[CACHE_VARIABLE]}
    assert "emptyDir" in volume


def test_only_the_store_and_names_are_reached() -> None:
    rules = read("network_policy_patch.yaml")["spec"]["egress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == {443, 53}

"""The files for GitHub: pinned actions, bounded jobs, targets that exist, valid forms.

`make workflows` checks them with zizmor and actionlint too.
"""

import re
from typing import Any

import pytest
import yaml
from support.paths import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = [
    path for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
FIELDS = {"checkboxes", "dropdown", "input", "textarea"}


def jobs() -> list[Any]:
    """Return the jobs of all workflows, as parameters with names."""
    found = []
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, job in workflow["jobs"].items():
            found.append(pytest.param(job, id=f"{path.stem}-{name}"))
    return found


def steps(name: str) -> str:
    """Return the commands of a workflow's steps, one text."""
    workflow = yaml.safe_load((GITHUB / f"workflows/{name}.yml").read_text(encoding="utf-8"))
    every = [step for job in workflow["jobs"].values() for step in job.get("steps", [])]
    return "\n".join(step.get("run", "") for step in every)


def test_the_workflows_are_found() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "release.yml"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_the_hash_of_a_release(path: Any) -> None:
    used = re.findall(r"uses: (?!\./)(.*)", path.read_text(encoding="utf-8"))
    assert used
    for each in used:
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_an_action_has_one_hash() -> None:
    texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
    used = {each for text in texts for each in re.findall(r"uses: (?!\./)(.*)", text)}
    assert len(used) == len({each.partition("@")[0] for each in used})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_permissions_that_a_job_does_not_name(path: Any) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {}


@pytest.mark.parametrize("job", jobs())
def test_a_job_has_its_permissions_and_a_timeout(job: dict[str, Any]) -> None:
    assert job["permissions"]
    assert "uses" in job or 0 < job["timeout-minutes"] <= 120


@pytest.mark.parametrize("job", jobs())
def test_a_checkout_leaves_no_credentials(job: dict[str, Any]) -> None:
    for step in job.get("steps", []):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


def test_the_continuous_integration_runs_all_checks_on_all_supported_versions() -> None:
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    workflow = yaml.safe_load((GITHUB / "workflows/ci.yml").read_text(encoding="utf-8"))
    assert ".ci/run" in steps("ci").splitlines()
    versions = [
        each for job in workflow["jobs"].values() for each in job["strategy"]["matrix"]["python"]
    ]
    assert sorted(versions) == ["3.11", "3.12", "3.13", "3.14"]


def test_the_targets_that_workflows_make_exist() -> None:
    called = {
        each for name in ("ci", "release") for each in re.findall(r"\bmake (\S+)", steps(name))
    }
    assert called == {"sbom", "test", "wheel"}
    assert called <= TARGETS


def test_a_release_needs_the_checks() -> None:
    released = yaml.safe_load((GITHUB / "workflows/release.yml").read_text(encoding="utf-8"))[
        "jobs"
    ]
    assert released["check"]["uses"] == "./.github/workflows/ci.yml"
    waiting, needed = ["draft"], set()
    while waiting:
        needs = released[waiting.pop()].get("needs", [])
        waiting += [needs] if isinstance(needs, str) else needs
        needed |= set(waiting)
    assert needed == {"build", "check", "image", "index"}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_valid(path: Any) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (
        {"name", "description", "body"} <= form.keys() <= {"name", "description", "body", "labels"}
    )
    fields = [each for each in form["body"] if each["type"] != "markdown"]
    assert fields
    assert {each["type"] for each in fields} <= FIELDS
    assert len({each["id"] for each in fields}) == len(fields)
    assert len({each["attributes"]["label"] for each in fields}) == len(fields)

"""The docs say all there is: every command, setting and route, and nothing that is not there."""

import re

import pytest
from support.paths import DOCS, ROOT

from model.cli import app as program
from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import PREFIX, Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_that_of_the_class() -> None:
    rows = re.findall(rf"^\| `{PREFIX}(\w+)` \| (.*?) \| (.*?) \|$", README, re.MULTILINE)
    expected = [
        (
            name.upper(),
            "" if field.default is None else f"`{field.default}`",
            field.description,
        )
        for name, field in Settings.model_fields.items()
    ]
    assert rows == expected


def test_every_route_is_told(predictor: Predictor) -> None:
    told = README + (DOCS / "serving.md").read_text(encoding="utf-8")
    paths = set(create_app(Settings(), predictor).openapi()["paths"])
    assert {"/predict", "/metrics", "/model", "/health/ready"} <= paths
    for path in paths:
        assert f"{path}`" in told, path


def test_every_command_is_in_the_readme() -> None:
    names = [str(command.name) for command in program.registered_commands]
    for group in program.registered_groups:
        assert group.typer_instance is not None
        commands = group.typer_instance.registered_commands
        names += [f"{group.name} {command.name}" for command in commands]
    assert len(names) == 16
    for name in names:
        assert f"python -m model {name}" in README


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "data/README.md",
        "docs/network.md",
        "docs/computation-graph.md",
        "docs/landscapes.md",
        "docs/recipes.md",
        "docs/schedules.md",
        "docs/serving.md",
        "docs/testing.md",
        "docs/training.md",
    ],
)
def test_files_and_links_named_in_the_docs_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    named = re.findall(r"`((?:data|model|service|tests|benchmarks|examples)/[\w./-]+)`", text)
    for name in [*links, *named]:
        here = (ROOT / page).parent / name
        assert here.exists() or (ROOT / name).exists(), name


def test_the_changelog_has_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", text, re.MULTILINE)
    headings = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    assert set(headings) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

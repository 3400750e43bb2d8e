"""The documents name every command, setting, route and fixed limit, and their links resolve."""

import re
import tomllib

import pytest
from support.paths import DOCS, ROOT

from docs.generate_cli import cli_page
from docs.generate_settings import settings_page
from model.artifacts.artifact import MAX_BYTES as MAX_ARTIFACT_BYTES
from model.artifacts.upgrade import FORMAT, OLDEST_FORMAT
from model.cli import app as program
from model.prediction.predictor import Predictor
from service.app import create_app
from service.codecs.extra import MAX_EXTRA_COLUMNS
from service.codecs.tabular.line_buffer import MAX_LINE_BYTES
from service.lifecycle import GRACE_SECONDS
from service.protocol.http_protocol import MAX_PIPELINED
from service.protocol.known_heads import MAX_BYTES, MAX_HEADS
from service.protocol.request_head import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES
from service.registry.model_version import MAX_VALUES
from service.settings import PREFIX, Settings

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md"]
SITE_PAGES = [path.relative_to(ROOT).as_posix() for path in sorted(DOCS.rglob("*.md"))]
PAGES = DOCUMENTS + SITE_PAGES


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


def test_the_commands_page_is_up_to_date() -> None:
    assert read("docs/reference/cli.md") == cli_page(), "run: python docs/generate_cli.py"


def test_the_settings_page_is_up_to_date() -> None:
    assert read("docs/reference/settings.md") == settings_page(), (
        "run: python docs/generate_settings.py"
    )


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("request target", f"{MAX_URL_BYTES} bytes"),
        ("request head", f"{MAX_HEAD_BYTES} bytes, {MAX_HEADERS} headers"),
        ("pipelined requests", f"{MAX_PIPELINED}"),
        ("known heads", f"{MAX_HEADS} heads of at most {MAX_BYTES // 1024} KiB"),
        ("numbers in a JSON", f"{MAX_VALUES}, so"),
        ("line of CSV", f"{MAX_LINE_BYTES} bytes"),
        ("extra columns of a table", f"{MAX_EXTRA_COLUMNS}"),
        ("finishing requests", f"{GRACE_SECONDS:g} s"),
        ("artifact", f"{MAX_ARTIFACT_BYTES >> 30} GiB"),
    ],
)
def test_a_fixed_limit_has_the_value_of_the_code(limit: str, value: str) -> None:
    [row] = re.findall(
        rf"^\| {limit}[^|]*\| (.*?) \|", read("docs/reference/limits.md"), re.MULTILINE
    )
    assert re.sub(r"(?<=\d) (?=\d{3}\b)", "", row).startswith(value)


def test_a_limit_with_a_setting_has_its_default() -> None:
    rows = re.findall(rf"\| ([^|]*) \| `{PREFIX}(\w+)` \|", read("docs/reference/limits.md"))
    assert len(rows) > 10
    units = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
    for default, name in rows:
        number = re.match(r"[\d ]+", default)
        value = Settings.model_fields[name.lower()].default
        if number:
            factor = units.get(default[number.end() :].strip(), 1)
            assert float(number[0].replace(" ", "")) * factor == value, name
        else:
            assert not value, name


def test_every_log_event_is_documented() -> None:
    text = read("docs/reference/metrics.md")
    events = {"request"}
    for path in (ROOT / "service").rglob("*.py"):
        events |= set(re.findall(r'logger\.\w+\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert len(events) > 10
    assert {event for event in events if f"`{event}`" not in text} == set()


def test_every_route_is_documented(predictor: Predictor) -> None:
    routes = read("docs/reference/http-api.md")
    paths = set(create_app(Settings(), predictor).openapi()["paths"])
    assert {"/predict", "/metrics", "/model", "/health/ready"} <= paths
    for path in paths:
        assert f"{path}`" in routes, path


def test_every_model_command_is_documented() -> None:
    names = [str(command.name) for command in program.registered_commands]
    for group in program.registered_groups:
        assert group.typer_instance is not None
        commands = group.typer_instance.registered_commands
        names += [f"{group.name} {command.name}" for command in commands]
    text = "".join(map(read, PAGES))
    for name in names:
        assert re.search(rf"(python -m model|malignancy) {name}\b", text), name


@pytest.mark.parametrize("page", PAGES)
def test_links_and_files_named_exist(page: str) -> None:
    text = read(page)
    folder = (ROOT / page).parent
    for link in re.findall(r"\]\((?!https?://)([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        path = folder / target if target else ROOT / page
        assert path.exists(), link
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), link
    named = re.findall(r"`((?:data|model|service|tests|benchmarks|examples)/[\w./-]+)`", text)
    for name in named:
        assert (folder / name).exists() or (ROOT / name).exists(), name


def arrows() -> dict[str, set[str]]:
    """Return the table of tests/project/test_architecture.py: a package and its imports."""
    source = read("tests/project/test_architecture.py")
    found = re.search(r'^ARROWS = """\n(.*?)"""', source, re.MULTILINE | re.DOTALL)
    assert found is not None
    table: dict[str, set[str]] = {}
    package = ""
    for line in found[1].splitlines():
        head, arrow, imported = line.partition("←")
        if arrow:
            package = head.strip()
            table[package] = set()
        table[package] |= set((imported if arrow else line).split())
    return table


def test_the_diagram_of_packages_agrees_with_the_imports() -> None:
    table = arrows()
    diagram = re.search(
        r"```mermaid\n(.*?)```", read("docs/explanation/architecture.md"), re.DOTALL
    )
    assert diagram is not None
    labels = dict(re.findall(r"(\w+)\[([\w.]+)\]", diagram[1]))

    def packages(node: str) -> set[str]:
        """Return the packages of a node: one package and those below it."""
        names = [f"{top}.{labels.get(node, node)}" for top in ("model", "service")]
        return {each for each in table for name in names if f"{each}.".startswith(f"{name}.")}

    drawn = re.findall(r"(\w+)(?:\[[\w.]+\])? --> (\w+)", diagram[1])
    assert len(drawn) > 30
    for source, target in drawn:
        imported = {each for package in packages(source) for each in table[package]}
        assert imported & packages(target), f"{source} --> {target}"


def test_the_architecture_lists_every_package() -> None:
    text = read("docs/explanation/architecture.md")
    for package in arrows():
        top = ".".join(package.split(".")[:2])
        assert f"`{top}`" in text or top.endswith("__main__"), top


def test_the_changelog_has_its_form() -> None:
    text = read("CHANGELOG.md")
    assert re.search(r"^## \[Unreleased\]$", text, re.MULTILINE)
    releases = re.findall(r"^## \[(\S+)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert releases[:2] == ["Unreleased", VERSION]
    for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]:
        headings = re.findall(r"^### (\w+)$", part, re.MULTILINE)
        assert set(headings) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
        assert len(headings) == len(set(headings))


def test_the_compatibility_page_lists_every_artifact_format() -> None:
    text = read("docs/reference/compatibility.md").partition("## Artifact formats")[2]
    listed = [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert listed == [*range(OLDEST_FORMAT, FORMAT + 1)]

"""requirements/*.txt are the packages of the image: complete, pinned as elsewhere, and hashed.

`make requirements` writes them.
"""

import re
import tomllib
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.paths import DOCS, ROOT
from support.pins import pins_of

with (ROOT / "pyproject.toml").open("rb") as _file:
    PYPROJECT = tomllib.load(_file)
PROJECT = PYPROJECT["project"]
BUILD = (ROOT / "requirements/build.in").read_text(encoding="utf-8").splitlines()
DIRECT = {
    "build": [line for line in BUILD if not line.startswith("#")],
    "serving": PROJECT["dependencies"],
    "training": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["train"],
}
IMAGE_EXTRAS = ("arrow", "batch", "postgres", "signing", "tracing", "zstd")
DIRECT |= {
    extra: PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra]
    for extra in IMAGE_EXTRAS
}
CONSTRAINTS = {pin.name: pin.version for pin in pins_of("constraints.txt")}


def closure(direct: list[str]) -> set[str]:
    """Names of the direct requirements and of all that the installed packages require."""
    found: set[str] = set()
    waiting = [Requirement(each) for each in direct]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (requirement.marker and not requirement.marker.evaluate({"extra": ""})) or name in found:
            continue
        assert not requirement.extras, requirement  # would need the requirements of the extra
        found.add(name)
        waiting += [Requirement(each) for each in requires(name) or []]
    return found


def test_the_extras_of_the_image_are_the_documented_ones() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"IMAGE_EXTRAS := {' '.join(IMAGE_EXTRAS)}\n" in makefile
    documented = ", ".join(f"`{extra}`" for extra in IMAGE_EXTRAS)
    (row,) = re.findall(
        r"^\| `EXTRAS` .*", (DOCS / "how-to" / "operations.md").read_text("utf-8"), re.M
    )
    assert documented in row
    others = {"build", "serving", "training"}
    files = {path.stem for path in (ROOT / "requirements").glob("*.txt")}
    assert files == {*IMAGE_EXTRAS, *others}
    assert "for each in serving $EXTRAS; do" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DIRECT)
def test_every_package_has_hashes(name: str) -> None:
    for pin in pins_of(f"requirements/{name}.txt"):
        assert pin.hashes, pin
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in pin.hashes), pin


@pytest.mark.parametrize("name", DIRECT)
def test_the_file_has_no_addresses(name: str) -> None:
    assert "://" not in (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DIRECT)
def test_the_versions_are_those_of_the_constraints_and_fit_the_requirements(name: str) -> None:
    versions = {pin.name: pin.version for pin in pins_of(f"requirements/{name}.txt")}
    for package, version in versions.items():
        assert version == CONSTRAINTS.get(package, version), package
    for requirement in map(Requirement, DIRECT[name]):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("name", ["serving", "training"])
def test_the_file_has_all_required_packages_and_no_other(name: str) -> None:
    pins = pins_of(f"requirements/{name}.txt")
    here = {pin.name for pin in pins if not (marker := pin.requirement.marker) or marker.evaluate()}
    assert here == closure(DIRECT[name])
    assert here <= CONSTRAINTS.keys()


def test_the_build_backend_is_that_of_the_package() -> None:
    assert set(PYPROJECT["build-system"]["requires"]) <= set(DIRECT["build"])


def test_the_image_installs_packages_by_hash_only() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) [^&\n]*", text)
    assert len(installs) == 6
    for install in installs:
        assert "--require-hashes" in install or "--no-deps" in install, install
    assert "PIP_ONLY_BINARY=:all:" in text


def test_all_stages_of_the_image_have_one_base_whose_digest_can_be_given() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    first, *others = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", text, re.MULTILINE)
    assert first == ("python:3.13-slim${DIGEST}", "base")
    assert 'ARG DIGEST=""\n' in text[: text.index("FROM")]
    stages = {first[1], *(name for _, name in others)}
    assert {image for image, _ in others} <= stages

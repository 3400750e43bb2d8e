"""The build of the page: exact versions, without the addresses of a registry."""

import json
import re
from typing import Any

from support.paths import ROOT

PAGE = ROOT / "page"
PACKAGE: dict[str, dict[str, str]] = json.loads((PAGE / "package.json").read_text(encoding="utf-8"))
LOCK = json.loads((PAGE / "package-lock.json").read_text(encoding="utf-8"))


def strings(value: Any, without: frozenset[str] = frozenset()) -> list[str]:
    """Return the keys and texts in a JSON value, without the values of some keys."""
    if isinstance(value, dict):
        kept = [(key, each) for key, each in value.items() if key not in without]
        return [text for key, each in kept for text in [key, *strings(each, without)]]
    if isinstance(value, list):
        return [text for each in value for text in strings(each, without)]
    return [value] if isinstance(value, str) else []


def test_the_lock_file_has_no_addresses() -> None:
    found = strings(LOCK, frozenset({"funding"}))  # links to where authors collect donations
    assert "resolved" not in found
    assert not [text for text in found if re.search("https?:|git[+:]|file:", text)]


def test_every_package_has_its_hash() -> None:
    packages = {name: each for name, each in LOCK["packages"].items() if name}
    assert len(packages) >= 20
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name


def test_direct_dependencies_have_exact_versions_which_are_those_of_the_lock_file() -> None:
    direct = PACKAGE["dependencies"] | PACKAGE["devDependencies"]
    for name, version in direct.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert LOCK["packages"][f"node_modules/{name}"]["version"] == version


def test_every_optional_dependency_is_locked() -> None:
    """`npm ci` refuses a lock file without them, and installs whatever has their names later."""
    for name, package in LOCK["packages"].items():
        for optional in package.get("optionalDependencies", {}):
            assert f"node_modules/{optional}" in LOCK["packages"], f"{optional} of {name}"


def test_the_page_has_one_dependency_at_run_time() -> None:
    assert list(PACKAGE["dependencies"]) == ["preact"]

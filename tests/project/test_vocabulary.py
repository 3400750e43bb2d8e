"""Words of [tool.vocabulary] in pyproject.toml do not occur in identifiers, prose or docs."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch

import pytest
from support.paths import ROOT

SUFFIXES = (".py", ".md", ".toml", ".yaml", ".sh", ".mjs")
with (ROOT / "pyproject.toml").open("rb") as file:
    VOCABULARY = tomllib.load(file)["tool"]["vocabulary"]


def tracked_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a Git checkout")
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    return [name for name in names if name.endswith(SUFFIXES) or name in ("Makefile", "Dockerfile")]


def pattern(*phrases: str) -> re.Pattern[str]:
    """Any of the phrases as words of prose, of a snake_case or of a CamelCase identifier."""
    each = "|".join(r"[\s_#]+".join(map(re.escape, phrase.split())) for phrase in phrases)
    return re.compile(rf"(?<![A-Za-z])(?:{each})(?![A-Za-z])", re.IGNORECASE)


def split_names(text: str) -> str:
    """The text with CamelCase identifiers split as snake_case ones are."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text)


def find(phrase: str, text: str) -> list[int]:
    """The numbers of the lines on which a phrase begins."""
    split = split_names(text)
    return [split.count("\n", 0, match.start()) + 1 for match in pattern(phrase).finditer(split)]


@pytest.mark.parametrize(
    ("phrase", "text", "lines"),
    [
        ("of its own", "a\nfile of its\n    own", [2]),
        ("told", "was_told = 1\nWasTold()\nuntold tolds", [1, 2]),
        ("told", "toldYou = untold", [1]),
    ],
)
def test_find(phrase: str, text: str, lines: list[int]) -> None:
    assert find(phrase, text) == lines


def test_no_banned_word_occurs() -> None:
    found, banned = [], pattern(*VOCABULARY["banned"])
    for name in tracked_files():
        if any(fnmatch(name, excluded) for excluded in VOCABULARY["exclude"]):
            continue
        text = (ROOT / name).read_text(encoding="utf-8")
        if not banned.search(split_names(text)):
            continue
        for phrase, instead in VOCABULARY["banned"].items():
            allowed = VOCABULARY["allowed"].get(phrase, [])
            if not any(fnmatch(name, each) for each in allowed):
                found += [f"{name}:{line}: {phrase!r}: {instead}" for line in find(phrase, text)]
    assert not found, "\n".join(["banned words:", *found])

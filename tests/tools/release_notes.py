"""Print the notes of a release: its section of CHANGELOG.md.

Usage: python tests/tools/release_notes.py vX.Y.Z

Fails if the tag is not the version of pyproject.toml, or if the changelog has no section for it.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def notes_of(tag: str, *, version: str, changelog: str) -> str:
    """Return the section of a version, without its heading.

    Args:
        tag: The tag, with its "v".
        version: The version in pyproject.toml.
        changelog: Text of the changelog.

    Raises:
        ValueError: The tag is that of another version, or the changelog has no such section.
    """
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, the version in pyproject.toml is {version}")
    heading = rf"^## \[{re.escape(version)}\].*\n"
    found = re.search(heading + r"((?:(?!## \[).*(?:\n|\Z))*)", changelog, re.MULTILINE)
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md has no notes for {version}")
    return found[1].strip() + "\n"


def main(tag: str) -> int:
    """Print the notes of a tag; return 1 if there are none."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        print(notes_of(tag, version=version, changelog=changelog), end="")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""Pinned versions in requirements and constraints files."""

import re
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.paths import ROOT


@dataclass(frozen=True)
class Pin:
    """One version of a package.

    Attributes:
        name: The normalized name.
        version: The version.
        requirement: The requirement, which may have a marker.
        hashes: The hashes of its files, "sha256:" and 64 hexadecimal digits.
    """

    name: str
    version: Version
    requirement: Requirement
    hashes: tuple[str, ...]


def pins_of(path: str) -> list[Pin]:
    """Return the pins of a file; raise ValueError for a line that is no pin of one version.

    Args:
        path: The path from the root of the repository.
    """
    text = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", " ")
    return [_pin(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _pin(line: str) -> Pin:
    found = re.fullmatch(r"(.+?)((?:\s+--hash=\S+)*)\s*", line)
    assert found is not None
    requirement = Requirement(found[1])
    (specifier,) = requirement.specifier
    if specifier.operator != "==" or requirement.url or requirement.extras:
        raise ValueError(line)
    hashes = tuple(each.removeprefix("--hash=") for each in found[2].split())
    name = canonicalize_name(requirement.name)
    return Pin(name, Version(specifier.version), requirement, hashes)

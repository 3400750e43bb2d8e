"""The notes of a release are its section of the changelog."""

import pytest
from tools.release_notes import notes_of

CHANGELOG = """# Changelog

## [Unreleased]

- Coming.

## [1.10.0] - 2026-12-01

### Added

- A page.

## [1.1.0] - 2026-11-01

## [1.0.0]

- First.
"""


@pytest.mark.parametrize(
    ("version", "notes"), [("1.10.0", "### Added\n\n- A page.\n"), ("1.0.0", "- First.\n")]
)
def test_the_notes_are_the_section_of_the_version(version: str, notes: str) -> None:
    assert notes_of(f"v{version}", version=version, changelog=CHANGELOG) == notes


@pytest.mark.parametrize("version", ["1.1.0", "1.2.0", "1.10"])
def test_a_version_without_notes_is_an_error(version: str) -> None:
    with pytest.raises(ValueError, match="no notes for"):
        notes_of(f"v{version}", version=version, changelog=CHANGELOG)


@pytest.mark.parametrize("tag", ["v1.0.1", "1.0.0", "v1.0.0-rc1"])
def test_the_tag_must_be_the_version(tag: str) -> None:
    with pytest.raises(ValueError, match="the tag is"):
        notes_of(tag, version="1.0.0", changelog=CHANGELOG)

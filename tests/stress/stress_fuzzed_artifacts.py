"""The long form of test_fuzzed_artifacts.py, and of the flips of test_artifact.py."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from security.test_fuzzed_artifacts import KINDS, fuzz, good

from model.artifacts import artifact
from model.errors import ArtifactError
from service.security.artifact_policy import artifact_check
from service.settings import Settings

EXAMPLES = 5000


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_refused_or_served_for_long(kind: str, figures: Callable[[str], None]) -> None:
    fuzz(KINDS[kind], EXAMPLES)
    figures(f"{EXAMPLES} files, each refused in words or served")


@pytest.mark.timeout(3000)
def test_every_flipped_byte(figures: Callable[[str], None]) -> None:
    """Of a published file: with a pinned digest refused; without, refused or another version."""
    data = bytearray(good())
    version = hashlib.sha256(data).hexdigest()
    check = artifact_check(Settings(artifact_digest=version), is_default=True)
    check(Path("a"), bytes(data))
    loaded = 0
    for position in range(len(data)):
        data[position] ^= 1 << position % 8
        with pytest.raises(ArtifactError, match="SHA-256"):
            check(Path("a"), bytes(data))
        with suppress(ArtifactError):
            loaded += artifact.from_bytes(bytes(data)).version != version
        data[position] ^= 1 << position % 8
    assert 0 < loaded < len(data) / 2
    figures(
        f"{len(data)} flipped bytes: all refused by the digest; "
        f"without it {loaded} are other versions, {len(data) - loaded} refused"
    )

"""Long form of test_fuzzed_artifacts.py and of the bit flips of test_artifact.py."""

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
def test_files_are_rejected_or_served(kind: str, figures: Callable[[str], None]) -> None:
    fuzz(KINDS[kind], EXAMPLES)
    figures(f"{EXAMPLES} files, each rejected with an error text or served")


@pytest.mark.timeout(3000)
def test_every_flipped_byte(figures: Callable[[str], None]) -> None:
    """A pinned digest rejects every flipped byte; without one, some are other versions."""
    data = bytearray(good())
    version = hashlib.sha256(data).hexdigest()
    check = artifact_check(Settings(artifact_digest=version))
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
        f"{len(data)} flipped bytes: all rejected by the digest; "
        f"without it {loaded} are other versions, {len(data) - loaded} rejected"
    )

"""Checks of artifacts by digest or signature, as the settings require."""

import hashlib
from pathlib import Path

from model.artifacts.artifact import Check
from model.artifacts.signing import check_signature, read_public_key
from model.errors import ArtifactError, SigningError
from service.settings import SettingError, Settings


def artifact_check(settings: Settings) -> Check:
    """Return the check of the bytes of every artifact before they are parsed.

    Args:
        settings: The settings `artifact_digest` and `artifact_public_key` decide on the checks.

    Raises:
        SettingError: The public key cannot be used.
    """
    checks: list[Check] = []
    if settings.digests:
        checks.append(_digest_check(settings.digests))
    if settings.artifact_public_key is not None:
        checks.append(_signature_check(settings.artifact_public_key))

    def check(path: Path, content: bytes) -> None:
        for each in checks:
            each(path, content)

    return check


def _digest_check(digests: list[str]) -> Check:
    def check(_path: Path, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        if digest not in digests:
            raise ArtifactError(f"its SHA-256 is not in MALIGNANCY_ARTIFACT_DIGEST: {digest}")

    return check


def _signature_check(path: Path) -> Check:
    try:
        key = read_public_key(path)
    except SigningError as error:
        # Without the path: messages about settings never contain a value.
        reason = str(error).removeprefix(f"{path}: ")
        raise SettingError("artifact_public_key", f"cannot be used: {reason}") from None
    return lambda path, content: check_signature(path, content, key)

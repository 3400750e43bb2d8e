"""The model of a worker: loaded once in each process, if its digest is right."""

import hashlib
import tempfile
from functools import lru_cache
from pathlib import Path

from model.artifacts import artifact
from model.artifacts.remote import is_uri
from model.artifacts.repository import signature_of
from model.errors import ArtifactError
from service.registry.model_version import ModelVersion
from service.scoring.storage import read_artifact_files, split_place
from service.security.artifact_policy import artifact_check
from service.settings import SettingError, Settings, read_settings


@lru_cache(maxsize=2)
def load_version(uri: str, digest: str) -> ModelVersion:
    """Return the model of an artifact.

    The settings `artifact_digest` and `artifact_public_key` of the environment apply.

    Args:
        uri: Path or URI of the artifact's file.
        digest: Its SHA-256, hexadecimal; "" for any.

    Raises:
        ArtifactError: The artifact cannot be read, is invalid, or has another digest; or a setting
            of the environment is invalid.
    """
    try:
        settings = read_settings([])
        policy = artifact_check(settings)
    except SettingError as error:
        raise ArtifactError(str(error)) from None

    def check(path: Path, content: bytes) -> None:
        found = hashlib.sha256(content).hexdigest()
        if digest and found != digest:
            raise ArtifactError(f"its SHA-256 is {found[:12]}…, not {digest[:12]}… as expected")
        policy(path, content)

    plain = settings.model_copy(update={"threshold": None, "max_rows": _max_rows()})
    if not is_uri(uri):
        return ModelVersion(artifact.load(Path(uri), check), plain)
    folder, name = split_place(uri)
    with tempfile.TemporaryDirectory() as copy:
        path = Path(copy, name)
        read_artifact_files(folder, [name, signature_of(path).name], Path(copy))
        try:
            return ModelVersion(artifact.load(path, check), plain)
        except ArtifactError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise ArtifactError(f"{uri}: {reason}") from None


def _max_rows() -> int:
    default: int = Settings.model_fields["max_rows"].default
    return default

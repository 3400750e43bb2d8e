"""Publishing: artifacts are uploaded to a folder in an object store, and one is made current."""

from pathlib import Path
from typing import TYPE_CHECKING

from model.artifacts.remote import child_of, open_filesystem, store_errors
from model.artifacts.repository import POINTER, SUFFIX, report_of, signature_of
from model.errors import ArtifactError, ObjectStoreError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


def artifact_names(folder: str) -> list[str]:
    """Return the names of the artifacts in a folder of an object store; none if it is new.

    Raises:
        ObjectStoreError: The store failed.
    """
    filesystem, path = open_filesystem(folder)
    from pyarrow.fs import FileSelector

    with store_errors(folder):
        infos = filesystem.get_file_info(FileSelector(path, allow_not_found=True))
    names = [info.base_name for info in infos]
    return sorted(name for name in names if name.endswith(SUFFIX) and not name.startswith("."))


def upload(file: Path, content: bytes, folder: str) -> str:
    """Upload an artifact, and the signature and the report beside it, which come first.

    Args:
        file: The artifact.
        content: Its bytes, which were checked.
        folder: URI of the folder.

    Returns:
        The URI of the artifact.

    Raises:
        ArtifactError: The folder has a file of this name with other bytes: versions do not change.
        ObjectStoreError: The store failed.
        OSError: A local file cannot be read.
    """
    if file.suffix != SUFFIX or file.name.startswith("."):
        raise ArtifactError(f"{file.name}: the name of an artifact must end in {SUFFIX}")
    uri = child_of(folder, file.name)
    filesystem, path = open_filesystem(folder)
    existing = _read(filesystem, f"{path}/{file.name}", len(content), uri)
    if existing is not None and existing != content:
        raise ArtifactError(f"{uri}: exists already with other bytes: use another file name")
    for beside in (signature_of(file), report_of(file)):
        if beside.is_file():
            _write(filesystem, f"{path}/{beside.name}", beside.read_bytes(), folder)
    if existing is None:
        _write(filesystem, f"{path}/{file.name}", content, folder)
    return uri


def make_current_at(uri: str) -> None:
    """Point the folder of an artifact in an object store to it, in one write.

    Raises:
        ObjectStoreError: The store failed.
    """
    folder, _, name = uri.rpartition("/")
    filesystem, path = open_filesystem(folder)
    _write(filesystem, f"{path}/{POINTER}", f"{name}\n".encode(), folder)


def _read(filesystem: "FileSystem", path: str, size: int, uri: str) -> bytes | None:
    """Return up to `size` + 1 bytes of a file; None if it does not exist."""
    from pyarrow.fs import FileType

    with store_errors(uri):
        if filesystem.get_file_info(path).type == FileType.NotFound:
            return None
        with filesystem.open_input_stream(path) as stream:
            return bytes(stream.read(size + 1))


def _write(filesystem: "FileSystem", path: str, content: bytes, uri: str) -> None:
    try:
        with store_errors(uri), filesystem.open_output_stream(path) as stream:
            stream.write(content)
    except ObjectStoreError as error:
        raise ObjectStoreError(f"{error}; writing {path.rpartition('/')[2]} failed") from None

"""A folder of artifacts: versions of one model, and a pointer file that names the current one."""

from pathlib import Path
from typing import Final

from model.artifacts.atomic_write import write_atomically
from model.artifacts.safe_read import read_file
from model.errors import ArtifactError

SUFFIX: Final = ".joblib"
POINTER: Final = "current"
MAX_POINTER_BYTES: Final = 1024


def artifacts_in(path: Path) -> list[Path]:
    """List the artifacts of a path: the file itself, or each `*.joblib` of a folder, sorted.

    Names that begin with a dot are skipped: a killed writer may leave such temporary files.

    Raises:
        ArtifactError: The folder cannot be read.
    """
    try:
        if not path.is_dir():
            return [path]
        files = list(path.iterdir())
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from None
    return sorted(file for file in files if file.suffix == SUFFIX and not file.name.startswith("."))


def current_artifact(path: Path) -> Path:
    """Return the current artifact of a path.

    For a file that is the file itself; for a folder, the artifact that its pointer file names, or
    without a pointer file its only artifact.

    Raises:
        ArtifactError: The folder cannot be read, its pointer is invalid, or there is no pointer
            and not exactly one artifact.
    """
    files = artifacts_in(path)
    if files == [path]:
        return path
    pointer = path / POINTER
    try:
        name = read_file(pointer, MAX_POINTER_BYTES).decode().strip()
    except FileNotFoundError:
        if len(files) != 1:
            rule = f"must hold exactly one *{SUFFIX}, found {len(files)}"
            raise ArtifactError(f"{path}: a folder without a file {POINTER!r} {rule}") from None
        return files[0]
    except ArtifactError as error:
        raise ArtifactError(f"{pointer}: {error}") from None
    except (OSError, UnicodeDecodeError):
        raise ArtifactError(f"{pointer}: cannot be read as text") from None
    # A name, not a path: the pointer cannot lead out of its folder.
    if Path(name).name != name or Path(name).suffix != SUFFIX or "\0" in name:
        raise ArtifactError(f"{pointer}: must hold the file name of a *{SUFFIX} beside it")
    return path / name


def make_current(file: Path) -> None:
    """Point the folder of an artifact to it, atomically. Raises OSError."""
    write_atomically(file.parent / POINTER, f"{file.name}\n".encode())


def signature_of(file: Path) -> Path:
    """Return the path of an artifact's signature, a file beside the artifact."""
    return file.with_name(f"{file.name}.sig")


def report_of(file: Path) -> Path:
    """Return the path of the report of an artifact, an HTML file beside the artifact."""
    return file.with_name(f"{file.stem}.report.html")

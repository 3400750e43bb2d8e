"""A folder of artifacts, versions of one model, and the small file that names the current one."""

from pathlib import Path
from typing import Final

from model.errors import ArtifactError
from model.artifacts.atomic_write import write_atomically
from model.artifacts.safe_read import read_file

SUFFIX: Final = ".joblib"
POINTER: Final = "current"
MAX_POINTER_BYTES: Final = 1024


def artifacts_in(path: Path) -> list[Path]:
    """The artifacts that a path means: the file itself, or every *.joblib of a folder.

    What a writer that was killed leaves behind begins with a dot, and is none. Raises
    ArtifactError for a folder that cannot be read.
    """
    try:
        if not path.is_dir():
            return [path]
        files = list(path.iterdir())
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from None
    return sorted(file for file in files if file.suffix == SUFFIX and not file.name.startswith("."))


def current_artifact(path: Path) -> Path:
    """The artifact in force: the file itself; of a folder the one that its pointer names, or
    without a pointer the only one.

    Raises ArtifactError.
    """
    files = artifacts_in(path)
    if files == [path]:
        return path
    pointer = path / POINTER
    try:
        name = read_file(pointer, MAX_POINTER_BYTES).decode().strip()
    except FileNotFoundError:
        if len(files) != 1:
            found = f"exactly one *{SUFFIX}, it holds {len(files)}"
            raise ArtifactError(
                f"{path}: without a file {POINTER!r} it must hold {found}"
            ) from None
        return files[0]
    except ArtifactError as error:
        raise ArtifactError(f"{pointer}: {error}") from None
    except (OSError, UnicodeDecodeError):
        raise ArtifactError(f"{pointer}: cannot be read as text") from None
    # A name, not a path: the pointer cannot lead out of its folder.
    if Path(name).name != name or Path(name).suffix != SUFFIX or "\0" in name:
        raise ArtifactError(f"{pointer}: must hold the name of a *{SUFFIX} beside it")
    return path / name


def make_current(file: Path) -> None:
    """Have the pointer of the artifact's folder name it, atomically. Raises OSError."""
    write_atomically(file.parent / POINTER, f"{file.name}\n".encode())


def signature_of(file: Path) -> Path:
    """Where an artifact's signature lies: beside it."""
    return file.with_name(f"{file.name}.sig")

"""A folder of artifacts, versions of one model, and the small file that names the current one."""

from pathlib import Path
from typing import Final

from model.errors import ArtifactError
from model.publishing import publish

SUFFIX: Final = ".joblib"
POINTER: Final = "current"
MAX_POINTER_BYTES: Final = 1024


def artifacts_in(path: Path) -> list[Path]:
    """The artifacts that a path means: the file itself, or every *.joblib of a folder."""
    if not path.is_dir():
        return [path]
    return sorted(
        file for file in path.iterdir() if file.suffix == SUFFIX and not file.name.startswith(".")
    )


def current_artifact(path: Path) -> Path:
    """The artifact in force: the file itself; of a folder the one that its pointer names, or
    without a pointer the only one.

    Raises ArtifactError.
    """
    if not path.is_dir():
        return path
    pointer = path / POINTER
    if not pointer.exists():
        files = artifacts_in(path)
        if len(files) != 1:
            found = f"exactly one *{SUFFIX}, it holds {len(files)}"
            raise ArtifactError(f"{path}: without a file {POINTER!r} it must hold {found}")
        return files[0]
    try:
        with pointer.open("rb") as file:
            name = file.read(MAX_POINTER_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise ArtifactError(f"{pointer}: cannot be read as text") from None
    # A name, not a path: the pointer cannot lead out of its folder.
    if Path(name).name != name or Path(name).suffix != SUFFIX or "\0" in name:
        raise ArtifactError(f"{pointer}: must hold the name of a *{SUFFIX} beside it")
    return path / name


def make_current(file: Path) -> None:
    """Have the pointer of the artifact's folder name it, atomically. Raises OSError."""
    publish(file.parent / POINTER, f"{file.name}\n".encode())

"""Files of this machine and of object stores, which pyarrow reads and writes alike."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import pyarrow as pa
from pyarrow import fs

from model.artifacts.atomic_write import atomic_writer
from model.artifacts.remote import is_uri, open_filesystem, store_errors
from model.errors import DataError

COPY_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class StoredFile:
    """A file as a listing has it.

    Attributes:
        name: Path below the folder that was listed, with slashes.
        size: Size in bytes.
        modified: Time of the last change, Unix time in nanoseconds.
    """

    name: str
    size: int
    modified: int


class Storage:
    """A folder, or a file, with all files below it. Names are relative to it.

    Args:
        place: A path of this machine, or a URI (see `is_uri`).

    Attributes:
        place: The same; a path is absolute.
        is_local: Whether it is on this machine.

    Raises:
        DataError: The URI is not supported.
    """

    def __init__(self, place: str) -> None:
        self.is_local = not is_uri(place) or place.startswith("file://")
        if is_uri(place):
            self._files, self._root = open_filesystem(place)
            self.place = place.rstrip("/")
        else:
            self._files = fs.LocalFileSystem()
            self._root = self.place = str(Path(place).absolute())

    def shown(self, name: str) -> str:
        """Return the path or URI of a file."""
        return f"{self.place}/{name}" if name else self.place

    def kind(self, name: str = "") -> str | None:
        """Return "file" or "folder"; None if there is neither."""
        with self._errors(name):
            info = self._files.get_file_info(self._path(name))
        return {fs.FileType.File: "file", fs.FileType.Directory: "folder"}.get(info.type)

    def stat(self, name: str = "") -> StoredFile | None:
        """Return a file; None if there is none."""
        with self._errors(name):
            info = self._files.get_file_info(self._path(name))
        if info.type != fs.FileType.File:
            return None
        return StoredFile(name, info.size, info.mtime_ns or 0)

    def files(self, folder: str = "") -> list[StoredFile]:
        """Return all files below a folder, sorted by name; none if there is no such folder."""
        root = PurePosixPath(self._root)
        selector = fs.FileSelector(self._path(folder), allow_not_found=True, recursive=True)
        with self._errors(folder):
            found = self._files.get_file_info(selector)
        return sorted(
            (
                StoredFile(
                    str(PurePosixPath(each.path).relative_to(root)), each.size, each.mtime_ns
                )
                for each in found
                if each.type == fs.FileType.File
            ),
            key=lambda each: each.name,
        )

    def open(self, name: str, *, mapped: bool = False) -> Any:
        """Open a file at any place, as pyarrow's NativeFile.

        Args:
            name: The file.
            mapped: Whether a file of this machine is mapped into memory.
        """
        with self._errors(name):
            if mapped and self.is_local:
                return pa.memory_map(self._path(name))
            return self._files.open_input_file(self._path(name))

    def open_stream(self, name: str) -> Any:
        """Open a file to be read once, decompressed as the end of its name states."""
        with self._errors(name):
            return self._files.open_input_stream(self._path(name), compression="detect")

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        if self.stat(name) is None:
            return None
        with self._errors(name), self._files.open_input_stream(self._path(name), None) as file:
            content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file as a whole: it has all of the content, or does not change.

        Args:
            name: The file.
            content: All of its bytes.
        """
        with self.writer(name) as file:
            file.write(content)

    @contextmanager
    def writer(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file that has all of its content after a normal exit, and does not change else.

        A file of an object store is held in a temporary file until the exit.
        """
        if self.is_local:
            path = Path(self._path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_writer(path) as local:
                yield local
            return
        with tempfile.TemporaryFile() as held:
            yield held
            held.seek(0)
            with self._errors(name), self._files.open_output_stream(self._path(name)) as file:
                shutil.copyfileobj(held, file, COPY_BYTES)

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        if self.stat(name) is not None:
            with self._errors(name):
                self._files.delete_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _errors(self, name: str) -> AbstractContextManager[None]:
        """Return a context that names the file in errors of an object store."""
        return nullcontext() if self.is_local else store_errors(self.shown(name))


def read_artifact_files(uri: str, names: list[str], folder: Path) -> None:
    """Copy files of one folder of an object store into a folder of this machine.

    Args:
        uri: URI of the folder.
        names: Names of the files; those that do not exist are left out.
        folder: The folder to write to.
    """
    storage = Storage(uri)
    for name in names:
        content = storage.read(name)
        if content is not None:
            (folder / name).write_bytes(content)


def split_place(place: str) -> tuple[str, str]:
    """Return the folder and the name of a file.

    Raises:
        DataError: There is no name.
    """
    folder, _, name = place.rstrip("/").rpartition("/")
    if not name:
        raise DataError(f"{place}: must name a file")
    return folder, name

"""Mirror: a local copy of an artifact, or of a folder of versions, in an object store.

The copy is a folder as `model.artifacts.repository` defines it, so all that reads local artifacts
reads it, and checks it by digest or signature. It stays when the store is lost. Several processes
may share it: one at a time copies, and each file is replaced atomically.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep, time
from typing import TYPE_CHECKING, BinaryIO, Final

from model.artifacts.artifact import MAX_BYTES
from model.artifacts.atomic_write import atomic_writer
from model.artifacts.location import split_uri
from model.artifacts.mirror_state import NAME, CopiedFile, MirrorState
from model.artifacts.remote import open_filesystem, store_errors
from model.artifacts.repository import (
    MAX_POINTER_BYTES,
    POINTER,
    SUFFIX,
    current_artifact,
    report_of,
    signature_of,
)
from model.artifacts.signing import SIGNATURE_BYTES
from model.errors import ArtifactError, ObjectStoreError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileInfo, FileSystem

CACHE_VARIABLE: Final = "MALIGNANCY_ARTIFACT_CACHE"
OWNER_ONLY: Final = 0o700
MAX_REPORT_BYTES: Final = 32 * 1024 * 1024
MAX_FILES: Final = 10_000
READ_BYTES: Final = 1024 * 1024
LOCK_SECONDS: Final = 0.1  # between attempts to take the lock of a copy
_LOCK: Final = ".mirror.lock"


def cache_folder() -> Path:
    """Return the folder of all copies.

    It is that of the variable MALIGNANCY_ARTIFACT_CACHE, or malignancy/artifacts in XDG_CACHE_HOME
    or ~/.cache.

    Raises:
        ObjectStoreError: There is no such variable, and the user has no home folder.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(home) if home else Path("~/.cache").expanduser()
    except RuntimeError:
        text = f"the user has no home folder for copies: set {CACHE_VARIABLE}"
        raise ObjectStoreError(text) from None
    return folder / "malignancy" / "artifacts"


def is_copy(file: Path) -> bool:
    """Return True for a file in the folder of a mirror."""
    return (file.parent / NAME).is_file()


class Mirror:
    """Local copy of an artifact or a folder of versions.

    Args:
        uri: URI of an artifact, NAME.joblib, or of a folder.
        cache: Folder of all copies; each URI has a folder in it. By default `cache_folder`.

    Attributes:
        uri: The argument.
        folder: Local folder of the copy.
        path: Local path of the artifact or the folder.

    Raises:
        ObjectStoreError: The URI is not valid, or there is no folder for copies.
    """

    def __init__(self, uri: str, cache: Path | None = None) -> None:
        self.uri = uri
        self._source, self._name = split_uri(uri)
        digest = hashlib.sha256(uri.encode()).hexdigest()[:24]
        self.folder = (cache_folder() if cache is None else cache) / digest
        self.path = self.folder if self._name is None else self.folder / self._name
        self._state = MirrorState(self.folder, uri)

    @property
    def copied_at(self) -> float | None:
        """Time of the last complete comparison with the store, in seconds since 1970; or None."""
        return self._state.copied_at

    @property
    def is_usable(self) -> bool:
        """True if there is a copy of the active version."""
        try:
            return current_artifact(self.path).is_file()
        except (ArtifactError, OSError):
            return False

    def copy(self, max_age_seconds: float = 0.0) -> bool:
        """Make the local copy equal to the store.

        Artifacts, signatures and reports are copied before the file `current`. A file that cannot
        be read does not keep the others from being copied, unless `current` names it.

        Args:
            max_age_seconds: A copy that is younger is not compared, for example because another
                process has just copied.

        Returns:
            False if another process is copying, or the copy is young enough.

        Raises:
            ObjectStoreError: The store failed, or has no artifact at the URI.
            OSError: The local copy cannot be written; its `filename` is within `folder`.
        """
        self.folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        with _locked(self.folder / _LOCK) as is_mine:
            age_seconds = time() - (self.copied_at or 0.0)
            if not is_mine or 0 <= age_seconds < max_age_seconds:  # negative: a clock was set
                return False
            self._copy()
        return True

    def copy_and_wait(self) -> None:
        """Copy as `copy` does, after another process that is copying has ended."""
        while not self.copy():
            sleep(LOCK_SECONDS)

    def _copy(self) -> None:
        filesystem, path = open_filesystem(self._source)
        before = time()
        found = self._list(filesystem, path)
        copied, states = self._state.read(), {}
        errors: dict[str, ObjectStoreError] = {}
        for name in sorted(found, key=lambda name: name == POINTER):  # the pointer is the last one
            if name == POINTER and self._names_one_of(errors, filesystem, f"{path}/{name}"):
                break
            try:
                states[name] = self._update(
                    filesystem, f"{path}/{name}", found[name], copied.get(name), before
                )
            except ObjectStoreError as error:
                errors[name] = error
                if name in copied:
                    states[name] = copied[name]
        if not errors:
            self._remove_others(set(found))
        self._state.write(states, copied, is_complete=not errors)
        if errors:
            raise next(iter(errors.values()))

    def _remove_others(self, names: set[str]) -> None:
        """Remove local files that the store has no longer, the pointer first."""
        for file in sorted(self.folder.iterdir(), key=lambda file: file.name != POINTER):
            if file.name not in names and not file.name.startswith("."):
                file.unlink(missing_ok=True)

    def _list(self, filesystem: "FileSystem", path: str) -> "dict[str, FileInfo]":
        """Return the files of the repository in the store by name."""
        from pyarrow.fs import FileSelector, FileType

        with store_errors(self.uri):
            if self._name is None:
                infos = filesystem.get_file_info(FileSelector(path))
            else:
                file = Path(self._name)
                names = (file, signature_of(file), report_of(file))
                infos = filesystem.get_file_info([f"{path}/{each}" for each in names])
            files = {each.base_name: each for each in infos if each.type == FileType.File}
        found = {name: each for name, each in files.items() if _limit_of(name) is not None}
        if not any(name.endswith(SUFFIX) for name in found):
            missing = "it has no *.joblib" if self._name is None else "it does not exist"
            raise ObjectStoreError(f"{self.uri}: {missing}")
        if len(found) > MAX_FILES:
            raise ObjectStoreError(f"{self.uri}: it has more than {MAX_FILES} files")
        return found

    def _update(
        self,
        filesystem: "FileSystem",
        path: str,
        info: "FileInfo",
        copied: CopiedFile | None,
        now: float,
    ) -> CopiedFile:
        """Copy a file if it differs from the copy, and return its state.

        Args:
            filesystem: The object store.
            path: The file's path in the store.
            info: Its size and time.
            copied: The state of the local copy; None without one.
            now: Local time before the store was listed.
        """
        name = info.base_name
        file = self.folder / name
        try:
            is_here = copied is not None and file.stat().st_size == copied.size
        except OSError:
            is_here = False
        if copied is not None and is_here and copied.equals(info):
            return copied
        state = self._fetch(filesystem, path, info, now, copied.etag if copied and is_here else "")
        if state is None:  # it changed after the store was listed
            with store_errors(self.uri):
                info = filesystem.get_file_info(path)
            state = self._fetch(filesystem, path, info, now, "")
        if state is None:
            raise ObjectStoreError(f"{self.uri}: {name} changed while it was read")
        return state

    def _fetch(
        self, filesystem: "FileSystem", path: str, info: "FileInfo", now: float, etag_here: str
    ) -> CopiedFile | None:
        """Copy a file; None if it is not as `info` says.

        Args:
            filesystem: The object store.
            path: The file's path in the store.
            info: Its size and time.
            now: Local time before the store was listed.
            etag_here: ETag of the local file, which needs no copy if the store has the same.
        """
        file, limit = self.folder / info.base_name, _limit_of(info.base_name) or 0
        if (info.size or 0) > limit:
            raise ObjectStoreError(f"{self.uri}: {file.name} is larger than {limit} bytes")
        # The ETag first: the content is then as new or newer, whether a stream has the ETag of its
        # content (S3, Azure) or of a later request (Google).
        with store_errors(self.uri), filesystem.open_input_stream(path, buffer_size=0) as stream:
            state = CopiedFile.of(info, _etag_of(stream), now)
        if etag_here and etag_here == state.etag:
            return state
        with store_errors(self.uri):
            stream = filesystem.open_input_stream(path, buffer_size=0)
        try:
            with stream, atomic_writer(file) as local:
                self._read_into(local, stream, state.size)
        except _ChangedError:
            return None
        return state

    def _read_into(self, local: BinaryIO, stream: "NativeFile", size: int) -> None:
        """Copy a stream of a known size. Raises _ChangedError if it has another one."""
        while size >= 0:
            with store_errors(self.uri):
                piece = stream.read(READ_BYTES)
            if not piece:
                break
            size -= len(piece)
            local.write(piece)
        if size != 0:
            raise _ChangedError

    def _names_one_of(
        self, errors: dict[str, ObjectStoreError], filesystem: "FileSystem", path: str
    ) -> bool:
        """Return True if the pointer in the store names a file that could not be copied.

        Args:
            errors: The errors of files by name.
            filesystem: The object store.
            path: The pointer's path in the store.
        """
        if not errors:
            return False
        try:
            with store_errors(self.uri), filesystem.open_input_stream(path) as stream:
                name = bytes(stream.read(MAX_POINTER_BYTES)).decode(errors="replace").strip()
        except ObjectStoreError:
            return True
        return name in errors or f"{name}.sig" in errors


class _ChangedError(Exception):
    """A file in the store does not have the size that it had before."""


def _etag_of(stream: "NativeFile") -> str:
    """Return the ETag of an open file in a store; empty where the store has none."""
    for name, value in (stream.metadata() or {}).items():
        if str(name).lower() == "etag":
            return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return ""


def _limit_of(name: str) -> int | None:
    """Return the largest size of a file of a repository, in bytes; None for another file."""
    if name.startswith(".") or "/" in name or "\\" in name or not name.isprintable():
        return None
    if name == POINTER:
        return MAX_POINTER_BYTES
    limits = ((SUFFIX, MAX_BYTES), (f"{SUFFIX}.sig", SIGNATURE_BYTES))
    for suffix, limit in (*limits, (".report.html", MAX_REPORT_BYTES)):
        if name.endswith(suffix):
            return limit
    return None


@contextmanager
def _locked(lock: Path) -> Iterator[bool]:
    """Yield True while the lock is held; False if another process or thread holds it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        is_mine = True
        if sys.platform != "win32":
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                is_mine = False
            except OSError:  # a file system without locks
                pass
        yield is_mine
    finally:
        with suppress(OSError):
            os.close(descriptor)


def local_artifact(uri: str) -> Path:
    """Return the path of a copy of an artifact in an object store, which is made or renewed.

    Args:
        uri: URI of an artifact; a folder is refused.

    Raises:
        ObjectStoreError: The URI names a folder, or the store failed.
        OSError: The copy cannot be written.
    """
    if split_uri(uri)[1] is None:
        raise ObjectStoreError(f"{uri}: must be the URI of an artifact, FOLDER/NAME{SUFFIX}")
    mirror = Mirror(uri)
    mirror.copy_and_wait()
    return mirror.path

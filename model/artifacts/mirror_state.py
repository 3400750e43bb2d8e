"""State of a mirror: the file that says what was copied from the object store, and when."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from model.artifacts.atomic_write import write_atomically

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo

NAME: Final = ".mirror.json"
MAX_BYTES: Final = 16 * 1024 * 1024
# Times in an object store have seconds, and its clock may differ from the local one: a file may
# change without another time. Its ETag is compared for as long after the time of the last change.
SETTLED_SECONDS: Final = 60.0


@dataclass(frozen=True)
class CopiedFile:
    """A file of the copy.

    Attributes:
        size: Its size in the store, in bytes.
        changed_at: Time of its last change in the store, in seconds since 1970.
        etag: Its ETag in the store; empty where the store has none.
        checked_at: Local time of the last comparison with the store.
    """

    size: int
    changed_at: float
    etag: str
    checked_at: float

    @classmethod
    def of(cls, info: "FileInfo", etag: str, checked_at: float) -> Self:
        """Return the state of a file as it is in the store.

        Args:
            info: Its size and time in the store.
            etag: Its ETag in the store; empty where the store has none.
            checked_at: Local time of the comparison with the store.
        """
        return cls(info.size or 0, _changed_at(info), etag, checked_at)

    def equals(self, info: "FileInfo") -> bool:
        """Return True if a file in the store is certainly this one, by its size and time."""
        return (
            self.size == info.size
            and self.changed_at == _changed_at(info)
            and self.checked_at > self.changed_at + SETTLED_SECONDS
        )


class MirrorState:
    """The state file of a mirror. Its time is that of the last complete copy.

    Args:
        folder: Folder of the copy.
        uri: URI in the object store, for people who read the file.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        self._file, self._uri = folder / NAME, uri

    @property
    def copied_at(self) -> float | None:
        """Time of the last complete copy, in seconds since 1970; None without one."""
        try:
            return self._file.stat().st_mtime
        except OSError:
            return None

    def read(self) -> dict[str, CopiedFile]:
        """Return the copied files by name; none if the state file is missing or damaged."""
        try:
            with self._file.open("rb") as file:
                files = json.loads(file.read(MAX_BYTES))["files"]
            return {name: CopiedFile(**each) for name, each in files.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}  # all files are copied again

    def write(
        self,
        files: Mapping[str, CopiedFile],
        before: Mapping[str, CopiedFile],
        *,
        is_complete: bool,
    ) -> None:
        """Write the state file if the copied files have changed, and set its time.

        Args:
            files: The copied files by name.
            before: Those that `read` returned.
            is_complete: Whether all files of the store were copied.
        """
        copied_at = self.copied_at
        if files != before or copied_at is None:
            content = {
                "uri": self._uri,
                "files": {name: asdict(each) for name, each in files.items()},
            }
            write_atomically(self._file, json.dumps(content).encode())
        if is_complete:
            os.utime(self._file)
        else:
            os.utime(self._file, (copied_at or 0.0, copied_at or 0.0))


def _changed_at(info: "FileInfo") -> float:
    return (info.mtime_ns or 0) / 1e9

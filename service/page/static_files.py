"""Static files of the package, each read and compressed once."""

import gzip
import hashlib
from collections.abc import Iterable
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

# The only files that are served, by the end of their names.
MEDIA_TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
MIN_GZIP_BYTES: Final = 1400  # a smaller file fits into one packet


class LoadedFile(NamedTuple):
    """The content of a file.

    Attributes:
        content: The bytes of the file.
        compressed: The same in gzip; None for a file so short that compression saves no packet.
        digest: The first 32 digits of the SHA-256 of the content.
    """

    content: bytes
    compressed: bytes | None
    digest: str


class StaticFile:
    """One file, which is read when it is first needed and then kept.

    Args:
        source: The file.

    Attributes:
        media_type: Its media type.
    """

    def __init__(self, source: Traversable) -> None:
        self._source = source
        self.media_type = MEDIA_TYPES[_ending(source.name)]

    @property
    def is_loaded(self) -> bool:
        """Whether the file has been read."""
        return "loaded" in vars(self)

    @cached_property
    def loaded(self) -> LoadedFile:
        """The content of the file, read and compressed once."""
        content = self._source.read_bytes()
        is_short = len(content) < MIN_GZIP_BYTES
        compressed = None if is_short else gzip.compress(content, 9, mtime=0)
        return LoadedFile(content, compressed, hashlib.sha256(content).hexdigest()[:32])


def static_files(files: Iterable[Traversable]) -> dict[str, StaticFile]:
    """Return the files that may be served, by name; files of other types are left out.

    Args:
        files: The files of a folder.
    """
    return {
        file.name: StaticFile(file)
        for file in files
        if file.is_file() and _ending(file.name) in MEDIA_TYPES
    }


def _ending(name: str) -> str:
    return f".{name.rpartition('.')[2]}"

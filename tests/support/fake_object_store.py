"""A fake of pyarrow's file systems: objects in memory, with errors and delays as a test wants."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from model.artifacts import mirror, publishing
from model.errors import ObjectStoreError

NOT_FOUND, FILE = "NotFound", "File"


@dataclass
class Object:
    """An object: its bytes, and the time of its last change in seconds since 1970."""

    content: bytes
    changed_at: float
    etag: str = ""


class Stream(io.BytesIO):
    """An open object. Its metadata are requested later than its content, as in Google's store."""

    def __init__(
        self, content: bytes, request_etag: Callable[[], str], begin_to_read: Callable[[], None]
    ) -> None:
        super().__init__(content)
        self._request_etag, self._begin_to_read = request_etag, begin_to_read
        self._is_begun = False

    def metadata(self) -> dict[str, bytes]:
        etag = self._request_etag()
        return {"Content-Length": b"1", **({"ETag": etag.encode()} if etag else {})}

    def read(self, size: int | None = -1, /) -> bytes:
        if not self._is_begun:
            self._is_begun = True
            self._begin_to_read()
        return super().read(size)


class Sink(io.BytesIO):
    """An object that is written when it is closed."""

    def __init__(self, done: Callable[[bytes], None]) -> None:
        super().__init__()
        self._done = done

    def close(self) -> None:
        if not self.closed:
            self._done(self.getvalue())
        super().close()


@dataclass
class FakeStore:
    """Objects by path, with the errors that operations raise.

    Attributes:
        objects: The objects; a path begins with the bucket.
        error: Raised by every operation; None for none.
        unreadable: Errors of reading, by path.
        read: The names of the objects that were read, in order.
        before: Called before each operation with its name.
    """

    objects: dict[str, Object] = field(default_factory=dict)
    error: Exception | None = None
    unreadable: dict[str, Exception] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None

    def put(self, path: str, content: bytes, changed_at: float = 0.0, etag: str = "") -> None:
        self.objects[path] = Object(content, changed_at, etag)

    def get_file_info(self, selected: Any) -> Any:
        self._begin("list")
        if isinstance(selected, str):
            return self._info(selected)
        if isinstance(selected, list):
            return [self._info(path) for path in selected]
        inside = f"{selected.base_dir}/"
        paths = list(self.objects)  # at once: a test may add some in another thread
        found = [self._info(path) for path in sorted(paths) if path.startswith(inside)]
        if not found and not selected.allow_not_found:
            raise FileNotFoundError(2, "Path does not exist")
        return found

    def open_input_stream(self, path: str, buffer_size: int | None = None) -> Stream:
        self._begin("read")
        assert buffer_size in (None, 0)
        if path not in self.objects:
            raise FileNotFoundError(2, "Path does not exist")
        name = path.rpartition("/")[2]

        def request_etag() -> str:
            self._begin(f"metadata of {name}")
            return self.objects[path].etag

        def begin_to_read() -> None:
            self.read.append(name)
            if path in self.unreadable:
                raise self.unreadable[path]

        return Stream(self.objects[path].content, request_etag, begin_to_read)

    def open_output_stream(self, path: str) -> Sink:
        self._begin("write")
        return Sink(lambda content: self.put(path, content))

    def _info(self, path: str) -> Any:
        found, name = self.objects.get(path), path.rpartition("/")[2]
        if found is None:
            return SimpleNamespace(base_name=name, type=NOT_FOUND, size=None, mtime_ns=None)
        mtime_ns = round(found.changed_at * 1e9)
        return SimpleNamespace(
            base_name=name, type=FILE, size=len(found.content), mtime_ns=mtime_ns
        )

    def _begin(self, operation: str) -> None:
        self.before(operation)
        if self.error is not None:
            raise self.error


def install(monkeypatch: pytest.MonkeyPatch, cache: Path) -> FakeStore:
    """Replace pyarrow's file systems by a fake, within a test.

    Args:
        monkeypatch: Restores them.
        cache: Folder of copies.
    """
    store = FakeStore()

    def open_filesystem(uri: str) -> tuple[FakeStore, str]:
        if uri.startswith("gs://"):
            raise ObjectStoreError("gs:// is not supported by the installed build of pyarrow")
        return store, uri.partition("://")[2]

    for module in (mirror, publishing):
        monkeypatch.setattr(module, "open_filesystem", open_filesystem)
    fake = SimpleNamespace(
        FileSelector=lambda base_dir, allow_not_found=False: SimpleNamespace(
            base_dir=base_dir, allow_not_found=allow_not_found
        ),
        FileType=SimpleNamespace(File=FILE, NotFound=NOT_FOUND),
    )
    monkeypatch.setitem(sys.modules, "pyarrow", SimpleNamespace(fs=fake))
    monkeypatch.setitem(sys.modules, "pyarrow.fs", fake)
    monkeypatch.setenv("MALIGNANCY_ARTIFACT_CACHE", str(cache))
    return store

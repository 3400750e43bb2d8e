"""Tests of service.page.static_files: which files are served, and that each is read once."""

import gzip
from pathlib import Path

import pytest

from service.page.static_files import MIN_GZIP_BYTES, static_files


def test_only_known_types_are_served(tmp_path: Path) -> None:
    names = ("a-1.js", "b.css", "c.svg", "d.html", "e.map", "f.json", "g", ".js", "h.JS")
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.js").mkdir()
    found = static_files(tmp_path.iterdir())
    assert {name: file.media_type for name, file in found.items()} == {
        "a-1.js": "text/javascript",
        "b.css": "text/css",
        "c.svg": "image/svg+xml",
        "d.html": "text/html",
        ".js": "text/javascript",
    }


@pytest.mark.parametrize("size", [0, MIN_GZIP_BYTES - 1, MIN_GZIP_BYTES, 100_000])
def test_a_file_is_read_and_compressed_once(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.js").write_bytes(b"x" * size)
    file = static_files(tmp_path.iterdir())["a.js"]
    assert [file.is_loaded] == [False]
    content, compressed, digest = file.loaded
    assert [file.is_loaded] == [True]
    assert content == b"x" * size
    if size < MIN_GZIP_BYTES:
        assert compressed is None
    else:
        assert compressed is not None
        assert gzip.decompress(compressed) == content
    (tmp_path / "a.js").write_bytes(b"other")
    assert file.loaded == (content, compressed, digest)
    assert static_files(tmp_path.iterdir())["a.js"].loaded.digest != digest

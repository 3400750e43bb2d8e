"""The format of a file, found by its content."""

import codecs
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.tables.table_format import (
    Compression,
    Dialect,
    Kind,
    TableFormat,
    find_encoding,
    kind_of,
    open_text,
)

ZSTD = b"\x28\xb5\x2f\xfd"


@pytest.mark.parametrize(
    ("name", "content", "kind", "compression"),
    [
        ("a.csv", b"a,b\n", "text", ""),
        ("a.CSV", b"", "text", ""),
        ("a", b"PAR1....", "parquet", ""),
        ("a.csv", b"PAR1....", "parquet", ""),
        ("a.PQ", b"broken", "parquet", ""),
        ("a.feather", b"ARROW1\0\0", "arrow", ""),
        ("a.Arrow", b"\xff\xff\xff\xff\x10\0\0\0", "arrow", ""),
        ("a.xlsx", b"PK\x03\x04....", "workbook", ""),
        ("a.XLS", b"\xd0\xcf\x11\xe0....", "workbook", ""),
        ("a.csv.GZ", b"\x1f\x8b\x08....", "text", "gzip"),
        ("a.tsv", b"\x1f\x8b\x08....", "text", "gzip"),
        ("a.zst", ZSTD + b"....", "text", "zstd"),
    ],
)
def test_kind(
    tmp_path: Path, name: str, content: bytes, kind: Kind, compression: Compression
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert kind_of(path) == (kind, compression)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"a,b\n", "utf-8"),
        ("größe\n".encode(), "utf-8"),
        ("größe\n".encode("utf-8-sig"), "utf-8-sig"),
        ("größe\n".encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + "größe\n".encode("utf-16-be"), "utf-16"),
        ("größe\n".encode("utf-16-le"), "utf-16-le"),
        ("größe\n".encode("utf-16-be"), "utf-16-be"),
        ("größe\n".encode("cp1252"), "cp1252"),
        ("größe in €\n".encode("cp1252"), "cp1252"),
        (b"a\xff\x81\n", "latin-1"),
        (b"a" * (3 << 20) + b"\xe9", "cp1252"),  # far behind
        ("é".encode()[:1], "cp1252"),
        (b"", "utf-8"),
    ],
)
@pytest.mark.parametrize("compression", ["", "gzip"])
def test_encoding(tmp_path: Path, content: bytes, encoding: str, compression: Compression) -> None:
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(content, 1) if compression else content)
    assert find_encoding(path, compression) == encoding
    with open_text(path, compression, encoding) as file:
        text = file.read()
    assert text == content.decode(encoding)


@given(st.text("abcäß€ ,;\n\r", max_size=30), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_text_of_unicode_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "text.csv"
    path.write_bytes(text.encode(encoding))
    with open_text(path, "", find_encoding(path, "")) as file:
        assert file.read() == text


def test_damaged_compression_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    whole = gzip.compress(b"a,b\n" + bytes(range(97, 123)) * 1000)
    for content in (whole[:-9], whole[:20] + b"\xff" * 20):
        path.write_bytes(content)
        with pytest.raises(OSError, match=r"^damaged gzip: "):
            find_encoding(path, "gzip")


@pytest.mark.parametrize(
    ("found", "description", "keys"),
    [
        (TableFormat("parquet", "", Dialect()), "Parquet", {}),
        (TableFormat("text", "", Dialect(",", "utf-8")), "cells between commas, UTF-8", {}),
        (
            TableFormat("text", "gzip", Dialect(";", "cp1252", ",")),
            "cells between semicolons, decimal comma, Latin-1 (cp1252), gzip",
            {"delimiter": ";", "encoding": "cp1252", "decimal": ","},
        ),
        (
            TableFormat("text", "", Dialect("\t", "utf-8-sig")),
            "cells between tabs, UTF-8 with a byte order mark",
            {"delimiter": "\t"},
        ),
        (
            TableFormat("text", "", Dialect(",", "utf-8", ".")),
            "cells between commas, commas between groups of digits, UTF-8",
            {"decimal": "."},
        ),
        (
            TableFormat("workbook", "", Dialect(decimal=",")),
            "the first sheet of a workbook, decimal comma",
            {"decimal": ","},
        ),
    ],
)
def test_description_and_recipe_keys(
    found: TableFormat, description: str, keys: dict[str, str]
) -> None:
    assert found.description == description
    assert found.recipe_keys == keys

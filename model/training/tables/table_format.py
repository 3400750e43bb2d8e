"""The format of a table's file, found by its content.

The first bytes say what a file is, so its suffix may have any spelling. Text is UTF-8 if all of it
is, and otherwise UTF-16 or Latin-1; a guess between the many encodings of one byte a character, as
charset-normalizer makes it, is often wrong for a short table of numbers.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from model.errors import DataError
from model.prediction.numerals import Decimal

Kind = Literal["text", "parquet", "arrow", "workbook"]
Compression = Literal["", "gzip", "zstd"]

RAGGED: Final = "ragged"  # attribute of a frame: lines with more or fewer cells than the header

_KINDS: Final[dict[bytes, Kind]] = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"FEA1": "arrow",
    b"\xff\xff\xff\xff": "arrow",  # a stream
    b"PK\x03\x04": "workbook",
    b"\xd0\xcf\x11\xe0": "workbook",  # of Excel up to 2003
}
_COMPRESSIONS: Final[dict[bytes, Compression]] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_SUFFIXES: Final[
    dict[str, Kind]
] = {  # of a file whose first bytes say nothing, because it is broken
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
    ".xlsx": "workbook",
}
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NOT_IN_CP1252: Final = b"\x81\x8d\x8f\x90\x9d"
_PIECE_BYTES: Final = 1 << 20
_ENCODING_NAMES: Final = {
    "utf-8-sig": "UTF-8 with a byte order mark",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Latin-1 (cp1252)",
    "latin-1": "Latin-1",
}
_DELIMITER_NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_KIND_NAMES: Final = {
    "parquet": "Parquet",
    "arrow": "Arrow",
    "workbook": "the first sheet of a workbook",
}
_USUAL: Final = {
    "delimiter": (None, ","),
    "encoding": (None, "utf-8", "utf-8-sig"),
    "decimal": (None,),
}


@dataclass(frozen=True)
class Dialect:
    """Spelling of a table's text. Files that are not text have only a decimal mark.

    Attributes:
        delimiter: Character between cells; None to find it.
        encoding: Encoding of the text; None to find it.
        decimal: The decimal mark of numbers in text; None if it is not stated (see
            `parse_number`).
    """

    delimiter: str | None = None
    encoding: str | None = None
    decimal: Decimal | None = None


@dataclass(frozen=True)
class TableFormat:
    """The format of a table's file.

    Attributes:
        kind: "text", "parquet", "arrow" (Feather too) or "workbook" (an Excel file).
        compression: "gzip", "zstd" or "".
        dialect: The spelling that was found.
    """

    kind: Kind
    compression: Compression
    dialect: Dialect

    @property
    def description(self) -> str:
        """The format in a few words, such as "cells between semicolons, decimal comma, UTF-8"."""
        facts = [_KIND_NAMES.get(self.kind, "")]
        if self.dialect.delimiter is not None:
            facts.append(f"cells between {_DELIMITER_NAMES[self.dialect.delimiter]}")
        if self.dialect.decimal == ",":
            facts.append("decimal comma")
        elif self.dialect.decimal == ".":
            facts.append("commas between groups of digits")
        if self.dialect.encoding is not None:
            facts.append(_ENCODING_NAMES.get(self.dialect.encoding, self.dialect.encoding.upper()))
        return ", ".join(filter(None, [*facts, self.compression]))

    @property
    def recipe_keys(self) -> dict[str, str]:
        """The keys of the table `[data]` for what differs from commas, UTF-8 and plain numbers."""
        found = asdict(self.dialect)
        return {key: value for key, value in found.items() if value not in _USUAL[key]}


def kind_of(path: Path) -> tuple[Kind, Compression]:
    """Return what a file is, and how it is compressed.

    Args:
        path: The file. A compressed one holds text.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
    for magic, compression in _COMPRESSIONS.items():
        if head.startswith(magic):
            return "text", compression
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return kind, ""
    return _SUFFIXES.get(path.suffix.lower(), "text"), ""


@contextmanager
def open_binary(path: Path, compression: Compression) -> Iterator[BinaryIO]:
    """Open a file and decompress what is read.

    Args:
        path: The file.
        compression: Its compression.

    Raises:
        DataError: A library is missing.
        OSError: The file cannot be read, or is not complete. Raised within too.
    """
    opener: Callable[..., Any] = Path.open
    errors: tuple[type[Exception], ...] = (EOFError, zlib.error)
    if compression == "gzip":
        opener = gzip.open
    elif compression == "zstd":
        zstd = _zstd_module(path)
        opener, errors = zstd.open, (EOFError, zstd.ZstdError)
    try:
        with opener(path, "rb") as file:
            yield file
    except errors as error:
        raise OSError(f"damaged {compression}: {error}") from None


@contextmanager
def open_text(path: Path, compression: Compression, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Open a file as text, with its line ends.

    Args:
        path: The file.
        compression: Its compression.
        encoding: Its encoding.

    Raises:
        DataError: A library is missing.
        OSError: The file cannot be read, or is not complete. Raised within too.
    """
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    with open_binary(path, compression) as file:
        yield io.TextIOWrapper(file, codec, newline="")


def find_encoding(path: Path, compression: Compression) -> str:
    """Return the encoding of a file's text.

    Args:
        path: The file, which is read as far as its text is UTF-8.
        compression: Its compression.

    Raises:
        DataError: A library is missing.
        OSError: The file cannot be read, or is not complete.
    """
    with open_binary(path, compression) as file:
        pieces = iter(partial(file.read, _PIECE_BYTES), b"")
        head = next(pieces, b"")
        for mark, encoding in _BYTE_ORDER_MARKS.items():
            if head.startswith(mark):
                return encoding
        if b"\0" in head[:1000]:  # ASCII characters have a byte 0 in UTF-16
            return "utf-16-le" if head[1:1000:2].count(0) >= head[:1000:2].count(0) else "utf-16-be"
        if _is_utf8(chain([head], pieces)):
            return "utf-8"
    with open_binary(path, compression) as file:
        for piece in iter(partial(file.read, _PIECE_BYTES), b""):
            if len(piece.translate(None, _NOT_IN_CP1252)) < len(piece):
                return "latin-1"
    return "cp1252"


def _is_utf8(pieces: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces:
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _zstd_module(path: Path) -> Any:
    """Return the module zstd, which the standard library has since Python 3.14."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    text = "reading zstd needs the zstd extra: pip install 'malignancy[train,zstd]'"
    raise DataError(f"{path}: {text}")

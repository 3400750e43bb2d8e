"""Sizes of the pages of a Parquet file, from their headers, before pyarrow unpacks them.

pyarrow allocates what the header of a page declares, and has no limit. The sizes in the footer are
only what the writer of the file says of them.

Source: https://parquet.apache.org/docs/file-format/, and the compact protocol of Thrift,
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from service.problems import Problem

MAX_HEADER_BYTES: Final = 64 * 1024  # of a page; the statistics in it have two values
MAX_DEPTH: Final = 8  # of structs in a header, which has three
DICTIONARY_PAGE: Final = 2
DELTA_BYTE_ARRAY: Final = 7  # an encoding by which a few bytes become many long texts
OLD_FILES_BYTES: Final = 100  # that pyarrow reads after a column chunk, for an error of old writers

# Fields of PageHeader, and of the three kinds of headers in it.
_TYPE, _UNPACKED, _PACKED = 1, 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_VALUES, _ENCODING, _ENCODING_V2 = 1, 2, 4

# Fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_GROUPS, _COLUMNS, _METADATA = 4, 1, 3
_PATH, _SIZE, _DATA_PAGES, _DICTIONARY_PAGES = 3, 7, 9, 11

_TRUE, _FALSE, _BYTE, _DOUBLE, _TEXT, _LIST, _STRUCT = 1, 2, 3, 7, 8, 9, 12
BROKEN: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
_INTEGERS = (4, 5, 6)


@dataclass(frozen=True)
class Page:
    """What the header of a page declares.

    Attributes:
        is_dictionary: Whether it has the dictionary of its column chunk.
        packed_bytes: Size in the file, without the header.
        unpacked_bytes: Size in memory.
        values: Number of its values.
        encoding: Number of the encoding.
    """

    is_dictionary: bool
    packed_bytes: int
    unpacked_bytes: int
    values: int
    encoding: int


@dataclass(frozen=True)
class ColumnChunk:
    """The place of a column of a row group.

    Attributes:
        name: Name of the column.
        start: Place of the first page.
        size: Size of all pages, in bytes.
    """

    name: str
    start: int
    size: int


def column_chunks(footer: bytes) -> list[list[ColumnChunk]]:
    """Return the column chunks of each row group.

    They are not taken from pyarrow, which ends the process if the statistics of one are invalid.

    Args:
        footer: The footer of a file.

    Raises:
        Problem: The footer is malformed (400).
    """
    try:
        groups = _Header(footer).struct().get(_GROUPS, [])
        return [[_chunk(each[_METADATA]) for each in group[_COLUMNS]] for group in groups]
    except BROKEN:
        raise malformed() from None


def pages_of(file: IO[bytes], start: int, size: int) -> Iterator[Page]:
    """Yield the pages of a column chunk.

    Args:
        file: The Parquet file.
        start: Place of the first page.
        size: Size of the column chunk, in bytes.

    Raises:
        Problem: The header of a page is malformed (400).
    """
    place, end = start, start + size + OLD_FILES_BYTES
    while place < start + size:
        file.seek(place)
        window = file.read(min(MAX_HEADER_BYTES, end - place))
        header = _Header(window)
        try:
            page = _page(header.struct())
        except BROKEN:
            raise malformed() from None
        place += header.place + page.packed_bytes
        yield page


def malformed() -> Problem:
    """Return the error of a malformed file (400)."""
    return Problem(400, "The body is malformed: it is not a Parquet file.")


def _chunk(fields: dict[int, Any]) -> ColumnChunk:
    start, size = fields[_DATA_PAGES], fields[_SIZE]
    dictionary = fields.get(_DICTIONARY_PAGES, 0)
    if 0 < dictionary < start or (dictionary > 0 and start == 0):  # without rows, no data pages
        start = dictionary
    if min(start, size) < 0:
        raise malformed()
    return ColumnChunk(".".join(part.decode() for part in fields[_PATH]), start, size)


def _page(fields: dict[int, Any]) -> Page:
    is_dictionary = fields[_TYPE] == DICTIONARY_PAGE
    inner = fields.get(_DATA_V2) or fields.get(_DICTIONARY if is_dictionary else _DATA) or {}
    encoding = inner.get(_ENCODING_V2 if _DATA_V2 in fields else _ENCODING, 0)
    page = Page(is_dictionary, fields[_PACKED], fields[_UNPACKED], inner.get(_VALUES, 0), encoding)
    if min(page.packed_bytes, page.unpacked_bytes, page.values) < 0:
        raise malformed()
    return page


class _Header:
    """A parser of the compact protocol.

    Args:
        data: The header, and any bytes after it.

    Attributes:
        place: Number of the parsed bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the values of a struct by number of the field.

        Args:
            depth: Number of structs around it.
        """
        if depth > MAX_DEPTH:
            raise malformed()
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._integer()
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_TEXT, _DOUBLE):
            size = self._unsigned() if kind == _TEXT else 8
            self.place += size
            return self._data[self.place - size : self.place]
        if kind == _LIST:
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            return [self._value(head & 15, depth) for _ in range(count)]
        if kind in (_BYTE, _TRUE, _FALSE):
            return self._byte()
        raise malformed()  # sets and maps, which Parquet does not have

    def _byte(self) -> int:
        byte = self._data[self.place]
        self.place += 1
        return byte

    def _unsigned(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise malformed()

    def _integer(self) -> int:
        number = self._unsigned()
        return (number >> 1) ^ -(number & 1)

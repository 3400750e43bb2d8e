"""Limits of a JSON text, checked before parsing.

Parsed, `[],` takes thirty times its bytes, and a call of the parser holds the interpreter until it
returns. A text that has far more values than a valid one is therefore rejected unparsed.
"""

from typing import Final

import numpy as np

from model.prediction.schema import Schema
from service.problems import FieldError, Problem

SMALL_VALUES: Final = 100_000  # values that any text may have
SMALL_OBJECTS: Final = 10_000  # objects cost more memory

# Memory of parsed values in bytes, measured with the parsers of pydantic and of json.
_VALUE_BYTES: Final = 40  # a number, and its place in an array
_STRING_BYTES: Final = 56  # in addition to its characters
_NAME_BYTES: Final = 72  # and its place in an object
_ARRAY_BYTES: Final = 64
_OBJECT_BYTES: Final = 200
_MAX_BYTES_PER_BYTE: Final = 80  # of any text: `{},` takes most

_LARGE_TEXT_BYTES: Final = 4096
_COUNTED_BYTES: Final = 64 * 1024  # at a time, in the cache


class JsonLimits:
    """Limits of the number of values, containers, names and objects in a JSON text.

    Brackets, commas and colons are counted in the bytes, including those in strings. Every text may
    have 100 000 values and 10 000 objects.

    Args:
        values: Maximum number of values, including arrays and objects.
        containers: Maximum number of arrays and objects.
        names: Maximum number of names; by default `values`.
        objects: Maximum number of objects; by default `containers`.
        in_strings: Number of brackets, commas and colons that the strings may have.
    """

    def __init__(
        self,
        values: int,
        containers: int,
        names: int | None = None,
        objects: int | None = None,
        in_strings: int = 0,
    ) -> None:
        self._in_strings = in_strings
        self._values, self._containers = max(values, SMALL_VALUES), max(containers, SMALL_VALUES)
        self._names = self._values if names is None else max(names, SMALL_VALUES)
        self._objects = self._containers if objects is None else max(objects, SMALL_OBJECTS)

    def require(self, text: bytes) -> int:
        """Return the memory of a text's values (see `parsed_bytes`).

        Raises:
            Problem: The text exceeds a limit (422).
        """
        if len(text) <= SMALL_VALUES:
            return _MAX_BYTES_PER_BYTE * len(text)
        objects = count_byte(text, b"{")
        containers = objects + count_byte(text, b"[")
        extra = self._in_strings
        if objects > self._objects + extra:
            raise _too_many(f"{self._objects} objects")
        if containers > self._containers + extra:
            raise _too_many(f"{self._containers} arrays and objects")
        if containers + count_byte(text, b",") > self._values + extra:
            raise _too_many(f"{self._values} values")
        if count_byte(text, b":") > self._names + extra:
            raise _too_many(f"{self._names} names")
        return parsed_bytes(text)


def parsed_bytes(text: bytes) -> int:
    """Return an upper limit of the memory that parsing a JSON text takes, in bytes."""
    objects, names = count_byte(text, b"{"), count_byte(text, b":")
    containers = objects + count_byte(text, b"[")
    strings = max(0, count_byte(text, b'"') // 2 - names)
    return (
        2 * _character_bytes(text) * len(text)  # in the strings, and decoded as a whole
        + (containers + count_byte(text, b",")) * _VALUE_BYTES
        + strings * _STRING_BYTES
        + names * _NAME_BYTES
        + (containers - objects) * _ARRAY_BYTES
        + objects * _OBJECT_BYTES
    )


def count_byte(text: bytes, byte: bytes) -> int:
    """Return `text.count(byte)`; for a large text, in a fraction of the time.

    Args:
        text: The text.
        byte: One byte.
    """
    if len(text) < _LARGE_TEXT_BYTES:
        return text.count(byte)
    values, code = np.frombuffer(text, np.uint8), byte[0]
    starts = range(0, len(values), _COUNTED_BYTES)
    return sum(int(np.count_nonzero(values[at : at + _COUNTED_BYTES] == code)) for at in starts)


def _character_bytes(text: bytes) -> int:
    """Return the bytes of a character in memory, which depend on the widest one of a string."""
    if b"\\" in text and b"\\u" in text:  # one byte is found far faster than two
        return 4
    if text.isascii():
        return 1
    first_byte = np.frombuffer(text, np.uint8).max()  # of the widest character in UTF-8
    return 4 if first_byte >= 0xF0 else 2 if first_byte >= 0xC4 else 1


def _too_many(limit: str) -> Problem:
    return Problem.invalid([FieldError(field="body", rule=f"must have at most {limit}")])


def row_punctuation(schema: Schema) -> int:
    """Return how many brackets, commas and colons the strings of a row have at most."""
    return sum(
        _count(feature.name) + max(map(_count, feature.categories), default=0)
        for feature in schema.features
    )


def _count(text: str) -> int:
    return sum(map(text.count, "[]{},:"))

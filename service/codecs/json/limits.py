"""Limits of a JSON text, checked before parsing.

Parsed, `[],` takes thirty times its bytes, and a call of the parser holds the interpreter until it
returns. A text that has far more values than a valid one is therefore rejected unparsed.
"""

from typing import Final

from model.prediction.schema import Schema
from service.problems import FieldError, Problem

SMALL_VALUES: Final = 100_000  # values that any text may have
SMALL_OBJECTS: Final = 10_000  # objects cost more memory


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

    def require(self, text: bytes) -> None:
        """Raise Problem (422) for a text that exceeds a limit."""
        if len(text) <= SMALL_VALUES:
            return
        objects = text.count(b"{")
        containers = objects + text.count(b"[")
        extra = self._in_strings
        if objects > self._objects + extra:
            raise _too_many(f"{self._objects} objects")
        if containers > self._containers + extra:
            raise _too_many(f"{self._containers} arrays and objects")
        if containers + text.count(b",") > self._values + extra:
            raise _too_many(f"{self._values} values")
        if text.count(b":") > self._names + extra:
            raise _too_many(f"{self._names} names")


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

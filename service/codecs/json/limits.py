"""Limits of a JSON text, checked before parsing, and duplicate names, which parsers do not report.

Parsed, `[],` takes thirty times its bytes, and a call of the parser holds the interpreter until it
returns. A text that has far more values than a valid one is therefore rejected unparsed.
"""

import json
from collections import Counter
from typing import Any, Final

from service.problems import FieldError, Problem

SMALL_VALUES: Final = 100_000  # values that any text may have
SMALL_OBJECTS: Final = 10_000  # objects cost more memory


class JsonLimits:
    """Limits of the number of values, containers, names and objects in a JSON text.

    Brackets, commas and colons are counted in the bytes, including those in strings: no name and no
    category has one. Every text may have 100 000 values and 10 000 objects.

    Args:
        values: Maximum number of values, including arrays and objects.
        containers: Maximum number of arrays and objects.
        names: Maximum number of names; by default `values`.
        objects: Maximum number of objects; by default `containers`.
    """

    def __init__(
        self, values: int, containers: int, names: int | None = None, objects: int | None = None
    ) -> None:
        self._values, self._containers = max(values, SMALL_VALUES), max(containers, SMALL_VALUES)
        self._names = self._values if names is None else max(names, SMALL_VALUES)
        self._objects = self._containers if objects is None else max(objects, SMALL_OBJECTS)

    def require(self, text: bytes) -> None:
        """Raise Problem (422) for a text that exceeds a limit."""
        if len(text) <= SMALL_VALUES:
            return
        objects = text.count(b"{")
        containers = objects + text.count(b"[")
        if objects > self._objects:
            raise _too_many(f"{self._objects} objects")
        if containers > self._containers:
            raise _too_many(f"{self._containers} arrays and objects")
        if containers + text.count(b",") > self._values:
            raise _too_many(f"{self._values} values")
        if text.count(b":") > self._names:
            raise _too_many(f"{self._names} names")


def _too_many(limit: str) -> Problem:
    return Problem.invalid([FieldError(field="body", rule=f"must have at most {limit}")])


def has_escaped_colon(text: bytes) -> bool:
    """Return True if strings of the text may contain colons that its bytes do not show."""
    return b"\\u003a" in text or b"\\u003A" in text


def has_duplicate_names(text: bytes) -> str | None:
    """Return the first duplicate name of an object in a valid text, at any level; else None."""
    found: list[str] = []

    def check(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) < len(pairs):
            (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
            found.append(name)

    json.loads(text, object_pairs_hook=check, parse_int=float)
    return found[0] if found else None

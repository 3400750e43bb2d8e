"""What the bytes of a JSON text tell before it is parsed, and what its parser does not tell.

Parsed, `[],` takes thirty times its bytes, and one call of the parser holds the interpreter until
all is done; so texts that hold far more than a good one are refused unparsed.
"""

import json
from collections import Counter
from typing import Any, Final

from service.problems import FieldError, Problem

SMALL_VALUES: Final = 100_000  # values that any text may hold
SMALL_OBJECTS: Final = 10_000  # they are dearer


class JsonLimits:
    """How many values a text may hold, arrays and objects among them, names of values, and
    objects: as many names as values, and objects as containers, unless told otherwise.

    What is within strings counts too; no name and no category has a bracket, comma or colon.
    """

    def __init__(
        self, values: int, containers: int, names: int | None = None, objects: int | None = None
    ) -> None:
        self._values, self._containers = max(values, SMALL_VALUES), max(containers, SMALL_VALUES)
        self._names = self._values if names is None else max(names, SMALL_VALUES)
        self._objects = self._containers if objects is None else max(objects, SMALL_OBJECTS)

    def require(self, text: bytes) -> None:
        """Raise Problem (422) for a text that holds more."""
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


def _too_many(most: str) -> Problem:
    return Problem.invalid([FieldError(field="body", rule=f"must hold at most {most}")])


def has_escaped_colon(text: bytes) -> bool:
    """Whether there may be more colons in a text's strings than are seen in its bytes."""
    return b"\\u003a" in text or b"\\u003A" in text


def has_duplicate_names(text: bytes) -> str | None:
    """The first name that an object of a good text gives twice, at any level."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) < len(pairs):
            (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
            found.append(name)

    json.loads(text, object_pairs_hook=look, parse_int=float)
    return found[0] if found else None

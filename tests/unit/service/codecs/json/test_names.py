"""Wrong names of JSON texts, against a search of all pairs."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from model.prediction.names import KnownNames
from service.codecs.json.names import TWICE, UNKNOWN, count_pairs, wrong_names

NAMES = st.sampled_from(["a", "b", "x:y", "{", '"', ",", "instances", "é"])
SCALARS = st.none() | st.integers(0, 9) | st.sampled_from(["a", "p:q", '":', "{}", "NaN"])


class Object(list[tuple[str, Any]]):
    """A JSON object, in which names may occur more than once."""


OBJECTS = st.lists(st.tuples(NAMES, SCALARS), max_size=4).map(Object)
VALUES = st.recursive(
    SCALARS | OBJECTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(Object)
    ),
    max_leaves=12,
)


def spell(value: Any, ascii_only: bool) -> str:
    """Return the JSON text of a value; `ascii_only` escapes colons and other characters."""
    if isinstance(value, Object):
        pairs = (f"{spell(name, ascii_only)}: {spell(each, ascii_only)}" for name, each in value)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(spell(each, ascii_only) for each in value) + "]"
    text = json.dumps(value, ensure_ascii=ascii_only)
    return text.replace(":", "\\u003a") if ascii_only else text


def repeated(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of the names that occur in one object before."""
    if isinstance(value, Object):
        names = [name for name, _ in value]
        found = [(*path, name) for at, name in enumerate(names) if name in names[:at]]
        first = [pair for at, pair in enumerate(value) if pair[0] not in names[:at]]
        return found + [each for name, inner in first for each in repeated(inner, (*path, name))]
    if isinstance(value, list):
        return [each for at, inner in enumerate(value) for each in repeated(inner, (*path, at))]
    return []


@given(VALUES, st.booleans())
def test_every_repeated_name_is_found(value: Any, ascii_only: bool) -> None:
    text = spell(value, ascii_only).encode()
    found = list(wrong_names(text, count_pairs(from_json(text))))
    assert {rule for _, rule in found} <= {TWICE}
    assert sorted(map(str, dict(found))) == sorted(map(str, set(repeated(value))))


@given(st.lists(OBJECTS, min_size=1, max_size=3), st.booleans(), st.booleans())
def test_every_unknown_name_of_a_row_is_found(
    rows: list[Object], ascii_only: bool, in_instances: bool
) -> None:
    known = KnownNames({"a", "x:y", "{"})
    value = Object([("instances", rows)]) if in_instances else rows
    text = spell(value, ascii_only).encode()
    read = sum(len(dict(row).keys() & known) for row in rows) + in_instances
    expected = {
        (index, name, TWICE if name in names[:at] else UNKNOWN)
        for index, names in enumerate([name for name, _ in row] for row in rows)
        for at, name in enumerate(names)
        if name not in known or name in names[:at]
    }
    found = list(wrong_names(text, read, known))
    assert {(path[-2], path[-1], rule) for path, rule in found} == expected

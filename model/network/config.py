"""Layers, activations, losses, …: small frozen dataclasses, and the plain data that names them.

Plain data is a name ("relu"), or a name with the fields that differ from their defaults
({"name": "leaky_relu", "slope": 0.2}); recipes and artifacts hold nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar

from model.errors import NetworkError


class Configurable:
    """A frozen dataclass that plain data can name. `name` is how."""

    name: ClassVar[str]

    def describe(self) -> str | dict[str, Any]:
        """What `build` reads back."""
        values = {
            field.name: _plain(getattr(self, field.name))
            for field in _fields(type(self))
            if getattr(self, field.name) != field.default
        }
        return {"name": self.name, **values} if values else self.name


T = TypeVar("T", bound=Configurable)


def by_name(kinds: Iterable[type[T]]) -> Mapping[str, type[T]]:
    """Classes by their names."""
    return {kind.name: kind for kind in kinds}


def build(kind: str, known: Mapping[str, type[T]], description: object) -> T:
    """The object that plain data describes; one that is built already stays as it is.

    kind: what it is, for the error. Raises NetworkError naming what is not known.
    """
    for each in known.values():
        if type(description) is each:
            return description
    given = {"name": description} if isinstance(description, str) else description
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise NetworkError(f"{kind} must be a name, or a table of a name and numbers")
    values = dict(given)
    name = values.pop("name", None)
    if not isinstance(name, str) or name not in known:
        raise NetworkError(f"{kind} must be one of {', '.join(known)}, got {name!r:.80}")
    return construct(f"{kind} {name}", known[name], values)


def construct(place: str, kind: type[T], values: Mapping[str, Any]) -> T:
    """The object of these fields. Raises NetworkError naming an unknown or a missing one."""
    names = [field.name for field in _fields(kind)]
    for key in values:
        if key not in names:
            close = get_close_matches(key, names, n=1)
            takes = f"it takes {', '.join(names) or 'none'}"
            hint = f"did you mean {close[0]}?" if close else takes
            raise NetworkError(f"{place} has no {key[:80]!r}: {hint}")
    for field in _fields(kind):
        if field.name not in values and field.default is MISSING:
            raise NetworkError(f"{place} needs its {field.name}")
    return kind(**values)


def _plain(value: object) -> object:
    if isinstance(value, Configurable):
        return value.describe()
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _fields(kind: type[Configurable]) -> tuple[Field[Any], ...]:
    return fields(kind)  # type: ignore[arg-type]  # every Described is a dataclass

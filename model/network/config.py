"""Conversion of configurable objects to and from plain data.

Layers, activations, losses, optimizers, … are small frozen dataclasses. Plain data is a name
(`"relu"`), or a table of the name and the fields that differ from their defaults
(`{"name": "leaky_relu", "slope": 0.2}`). Recipes and artifacts store plain data only.
"""

from abc import ABC
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar

from model.errors import NetworkError


class Configurable(ABC):
    """Base class of frozen dataclasses that plain data can describe.

    Attributes:
        name: The name of the class in plain data.
    """

    name: ClassVar[str]

    def describe(self) -> str | dict[str, Any]:
        """Return the object as plain data, which `build` converts back."""
        values = {
            field.name: _plain_data(getattr(self, field.name))
            for field in _fields(type(self))
            if getattr(self, field.name) != field.default
        }
        return {"name": self.name, **values} if values else self.name


T = TypeVar("T", bound=Configurable)


def by_name(kinds: Iterable[type[T]]) -> Mapping[str, type[T]]:
    """Return a registry: each class by its `name`."""
    return {kind.name: kind for kind in kinds}


def build(kind: str, registry: Mapping[str, type[T]], description: object) -> T:
    """Build the object that plain data describes.

    Args:
        kind: The kind of object ("layer", "loss", …), for the error text.
        registry: The known classes by name.
        description: A name, or a table of a name and fields. An object of a registered class is
            returned unchanged.

    Returns:
        The object.

    Raises:
        NetworkError: The name or a field is unknown, a field is missing, or a value is invalid.
    """
    for registered in registry.values():
        if type(description) is registered:
            return description
    table = {"name": description} if isinstance(description, str) else description
    if not isinstance(table, Mapping) or not all(isinstance(key, str) for key in table):
        raise NetworkError(f"{kind} must be a name, or a table of a name and numbers")
    values = dict(table)
    name = values.pop("name", None)
    if not isinstance(name, str) or name not in registry:
        raise NetworkError(f"{kind} must be one of {', '.join(registry)}, got {name!r:.80}")
    return construct(f"{kind} {name}", registry[name], values)


def construct(place: str, kind: type[T], values: Mapping[str, Any]) -> T:
    """Build an object of a class from a table of its fields.

    Args:
        place: The object's name, for the error text.
        kind: The class.
        values: The fields by name; a field without a default is required.

    Returns:
        The object.

    Raises:
        NetworkError: A field is unknown or missing, or a value is invalid.
    """
    names = [field.name for field in _fields(kind)]
    for key in values:
        if key not in names:
            close = get_close_matches(key, names, n=1)
            fields_hint = f"it takes {', '.join(names) or 'none'}"
            hint = f"did you mean {close[0]}?" if close else fields_hint
            raise NetworkError(f"{place} has no {key[:80]!r}: {hint}")
    for field in _fields(kind):
        if field.name not in values and field.default is MISSING:
            raise NetworkError(f"{place} needs its {field.name}")
    return kind(**values)


def _plain_data(value: object) -> object:
    if isinstance(value, Configurable):
        return value.describe()
    return [_plain_data(item) for item in value] if isinstance(value, tuple) else value


def _fields(kind: type[Configurable]) -> tuple[Field[Any], ...]:
    return fields(kind)  # type: ignore[arg-type]  # every Configurable is a dataclass

"""Building blocks of JSON Schema, as an OpenAPI document has them."""

from collections.abc import Iterable
from typing import Any, Final

Json = dict[str, Any]
CLOSED: Final[Json] = {"additionalProperties": False}


def object_of(properties: Json, *optional: str) -> Json:
    """Return the schema of an object.

    Args:
        properties: Schemas of its properties by name.
        optional: Names of the properties that are not required; by default all are.
    """
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def array_of(items: Json) -> Json:
    """Return the schema of an array of any length."""
    return {"type": "array", "items": items}


def or_null(schema: Json) -> Json:
    """Return the schema of a value, or null."""
    if "type" in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [*schema["anyOf"], {"type": "null"}]}


def map_of(values: Json) -> Json:
    """Return the schema of an object with values by name."""
    return {"type": "object", "additionalProperties": values}


def reference(name: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def any_of_models(prefixes: Iterable[str], *names: str) -> Json:
    """Return the schema of a value of any of several schemas, each of one or more models.

    Args:
        prefixes: Prefix of the names of each model's schemas.
        names: Names of schemas, without the prefix.
    """
    references = [reference(prefix + name) for prefix in prefixes for name in names]
    return references[0] if len(references) == 1 else {"anyOf": references}


def threshold_value(points: Iterable[str]) -> Json:
    """Return the schema of a threshold: a number, or the name of an operating point.

    Args:
        points: Names of the operating points.
    """
    number = {"type": "number", "minimum": 0, "maximum": 1}
    return {"anyOf": [number, {"type": "string", "enum": [*dict.fromkeys(points)]}]}

"""Pieces of JSON Schema, as an OpenAPI document has them."""

from typing import Any

Json = dict[str, Any]


def object_of(properties: Json, optional: str = "") -> Json:
    """An object of these properties, all of them required but one."""
    required = [name for name in properties if name != optional]
    return {"type": "object", "properties": properties, "required": required}


def reference(name: str) -> Json:
    """Another schema of the document, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}

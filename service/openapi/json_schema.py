"""Building blocks of JSON Schema, as an OpenAPI document has them."""

from typing import Any

Json = dict[str, Any]


def object_of(properties: Json, optional: str = "") -> Json:
    """Return the schema of an object.

    Args:
        properties: Schemas of its properties by name.
        optional: Name of the only property that is not required; by default all are.
    """
    required = [name for name in properties if name != optional]
    return {"type": "object", "properties": properties, "required": required}


def reference(name: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}

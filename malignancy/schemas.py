"""JSON Schema of the rows of a model, from the OpenAPI document of the service."""

from typing import Any

from malignancy.errors import UnexpectedAnswer


def input_schema(document: dict[str, Any], model: str | None) -> dict[str, Any]:
    """Return the schema of one row as an object.

    Args:
        document: The OpenAPI document.
        model: Name of the model; None for the default model, whose schemas have no prefix.

    Raises:
        UnexpectedAnswer: The document does not have the schema.
    """
    schemas = document.get("components", {}).get("schemas", {})
    found = schemas.get(f"{model}.Instance") or schemas.get("Instance")
    if not isinstance(found, dict):
        raise UnexpectedAnswer("the OpenAPI document has no schema of a row")
    return found

"""API keys in the OpenAPI document."""

from typing import Final

from service.health_checks import is_health_check
from service.openapi.schemas.json_schema import Json

_SCHEMES: Final[Json] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key: its id, a dot and its secret.",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key: its id, a dot and its secret.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "An API key: its id as the user, its secret as the password.",
    },
}


def security_schemes() -> Json:
    """Return the ways in which a key may be sent, by name."""
    return dict(_SCHEMES)


def needs_key(path: str) -> bool:
    """Return True if the operations of a path need a key, where keys are configured."""
    return not is_health_check(path)


def add_security(operation: Json) -> None:
    """Add the alternative ways in which the key of a request may be sent to an operation.

    Args:
        operation: An Operation Object; changed in place.
    """
    operation["security"] = [{name: []} for name in _SCHEMES]

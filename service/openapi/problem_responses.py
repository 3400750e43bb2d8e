"""OpenAPI responses that are errors: problem documents, or those of the inference protocol."""

from http import HTTPStatus
from typing import Any

from service.codecs.negotiation import JSON
from service.openapi.schemas.json_schema import Json, array_of, object_of, reference
from service.problems import INFERENCE_PROTOCOLS, MAX_ERRORS, MEDIA_TYPE

_OTHER = "Another error: a malformed, late or too large request, a busy service, and others."


def problem_responses(*statuses: int) -> dict[int | str, Any]:
    """Return OpenAPI responses by status, each with a problem document."""
    content = {MEDIA_TYPE: {"schema": reference("Problem")}}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def inference_errors(*statuses: int) -> dict[int | str, Any]:
    """Return OpenAPI responses by status, each with an error of the inference protocol."""
    content = {JSON: {"schema": reference("v2.Error")}}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def add_problem_responses(operation: Json, path: str, *, keys: bool) -> None:
    """Add the errors that every operation may answer.

    Args:
        operation: An Operation Object; changed in place.
        path: Its path.
        keys: Whether a request needs an API key.
    """
    responses = operation["responses"]
    errors = inference_errors if path.startswith(INFERENCE_PROTOCOLS) else problem_responses
    if keys:
        responses |= errors(401, 403)
    responses |= {"default": errors(500)["500"] | {"description": _OTHER}}


def error_schemas() -> Json:
    """Return the schemas Problem, FieldError and RowErrors by name."""
    error = {
        "field": {"type": "string", "examples": ["instances.3"]},
        "rule": {"type": "string", "examples": ["must be an object"]},
    }
    errors = array_of(reference("FieldError")) | {"maxItems": MAX_ERRORS}
    properties = {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Id of the request."},
        "errors": errors,
    }
    row = object_of({"errors": errors}) | {
        "description": "An invalid row of a table, with `on_error=mark`: its errors, and the "
        "fields that are repeated from the request.",
        "additionalProperties": True,
    }
    return {
        "Problem": {"description": "RFC 9457 problem details."} | object_of(properties, "errors"),
        "FieldError": object_of(error),
        "RowErrors": row,
    }

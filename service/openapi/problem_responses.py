"""OpenAPI responses that are problem documents."""

from http import HTTPStatus

from service.openapi.json_schema import Json, object_of, reference
from service.problems import MAX_ERRORS, MEDIA_TYPE


def problem_responses(*statuses: int) -> dict[int | str, Json]:
    """Return OpenAPI responses by status, each with a problem document."""
    content = {MEDIA_TYPE: {"schema": reference("Problem")}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def problem_schema() -> Json:
    """Return the schema `Problem`, which `problem_responses` refer to."""
    error = {
        "field": {"type": "string", "examples": ["instances.3"]},
        "rule": {"type": "string", "examples": ["must be an object"]},
    }
    properties = {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Id of the request."},
        "errors": {"type": "array", "maxItems": MAX_ERRORS, "items": object_of(error)},
    }
    return {"description": "RFC 9457 problem details."} | object_of(properties, optional="errors")

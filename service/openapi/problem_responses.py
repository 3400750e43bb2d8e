"""OpenAPI responses that are problems."""

from http import HTTPStatus

from service.openapi.json_schema import Json, reference
from service.problems import MEDIA_TYPE


def problem_responses(*statuses: int) -> dict[int | str, Json]:
    """OpenAPI responses that are problems, by status."""
    content = {MEDIA_TYPE: {"schema": reference("Problem")}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }

"""Headers of requests and responses in the OpenAPI document: those of all operations."""

from typing import Final

from service.openapi.schemas.json_schema import Json

REQUEST_ID: Final = "X-Request-ID"
RETRY_AFTER: Final = "Retry-After"
_RESPONSE_HEADERS: Final[Json] = {
    REQUEST_ID: {
        "description": "Id of the request: the one that the request has, or a new one.",
        "schema": {"type": "string"},
    },
    RETRY_AFTER: {
        "description": "Seconds after which the request may be repeated.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Malignancy-Model": {
        "description": "Name and version of the model, where the format has no place for them.",
        "schema": {"type": "string"},
    },
    "Malignancy-Threshold": {
        "description": "Decision threshold of the labels, where the format has no place for it.",
        "schema": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "Malignancy-Id": {
        "description": "Id of the answer in the store, where the format has no place for it.",
        "schema": {"type": "string"},
    },
    "Vary": {
        "description": "The headers of the request on which the answer depends.",
        "schema": {"type": "string"},
    },
    "Content-Encoding": {
        "description": "Coding of the answer, if it is compressed, as Accept-Encoding permits.",
        "schema": {"type": "string", "enum": ["gzip", "zstd"]},
    },
    "Allow": {
        "description": "The methods that the path supports; with status 405.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "The schemes by which a key may be sent.",
        "schema": {"type": "string"},
    },
    "Accept": {
        "description": "The media types that a body may have, if it has another one.",
        "schema": {"type": "string"},
    },
    "Accept-Encoding": {
        "description": "The codings that a body may have, if it has another one.",
        "schema": {"type": "string"},
    },
}
# By status; `default` is the response of all statuses that an operation does not list.
FACTS: Final = ("Malignancy-Model", "Malignancy-Threshold", "Malignancy-Id")
_HEADERS_OF: Final = {
    "200": ("Vary", "Content-Encoding", *FACTS),
    "401": ("WWW-Authenticate",),
    "415": ("Accept", "Accept-Encoding"),
    "503": (RETRY_AFTER,),
    "default": (RETRY_AFTER, "Allow"),
}
_REQUEST_ID_PARAMETER: Final[Json] = {
    "name": REQUEST_ID,
    "in": "header",
    "required": False,
    "description": "Id of the request, for the response and log lines: at most 128 letters, digits "
    "and `.` `_` `~` `#` `:` `/` `;` `=` `+` `@` `|` `-`. Another id is ignored.",
    "schema": {"type": "string"},
}
_CONTENT_ENCODING_PARAMETER: Final[Json] = {
    "name": "Content-Encoding",
    "in": "header",
    "required": False,
    "description": "Coding of the body, if it is compressed. `zstd` needs the service's extra "
    "`zstd`.",
    "schema": {"type": "string", "enum": ["gzip", "deflate", "zstd", "identity"]},
}


def response_headers() -> Json:
    """Return the Header Objects that `add_headers` refers to, by name."""
    return dict(_RESPONSE_HEADERS)


def add_headers(operation: Json) -> None:
    """Add the headers that every request may have, and those of each response, to an operation.

    Args:
        operation: An Operation Object with all its responses; changed in place.
    """
    parameters = [*operation.get("parameters", ()), _REQUEST_ID_PARAMETER]
    if "requestBody" in operation:
        parameters.append(_CONTENT_ENCODING_PARAMETER)
    operation["parameters"] = parameters
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        for name in (REQUEST_ID, *_HEADERS_OF.get(status, ())):
            headers[name] = {"$ref": f"#/components/headers/{name}"}

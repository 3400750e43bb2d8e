"""Context of the current request, filled in by the components that handle it."""

import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import Scope


@dataclass(slots=True)
class RequestContext:
    """Facts about a request, for its metrics and its log line.

    Attributes:
        id: The request id, as in the response's X-Request-ID.
        route: The template of the route, empty until it is known.
        model: The title of the model that predicted, empty if none did.
        rows: The number of predicted rows.
        client: The address of the client, empty if it is unknown.
        key: The id of the API key, empty without one.
        subject: The digest of the subject that the request is about; None without one.
    """

    id: str
    route: str = ""
    model: str = ""
    rows: int = 0
    client: str = ""
    key: str = ""
    subject: bytes | None = None


# Called after each request with its context, method, status and duration in seconds.
AccessLog = Callable[[RequestContext, str, int, float], None]

# Outside of a request the id is "-". A thread of the pool sees the context of its request.
request_context: ContextVar[RequestContext] = ContextVar(
    "current_request",
    default=RequestContext("-"),  # noqa: B039 - written values of the default are never read
)

# The characters of UUIDs, base64 and trace ids, such as Root=1-6789;Parent=53 and |6a.1_2. None of
# them has a meaning where an id is copied to, unlike quotes and backslashes (JSON, log lines),
# commas and blanks (lists of headers), <>& (HTML), % (URLs), and ${}()` (templates and shells).
_VALID_ID = re.compile(rb"[A-Za-z0-9._~#:;/=+@|-]{1,128}")


def given_request_id(scope: Scope) -> bytes | None:
    """Return the valid X-Request-ID of a request; None if it has none."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _VALID_ID.fullmatch(value):
            return bytes(value)
    return None

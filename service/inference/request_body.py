"""A request's whole body, as long as it is not too large."""

from starlette.types import Receive, Scope

from service.overload.limiter import WorkLimiter
from service.problems import Problem
from service.request_context import request_context


async def read_body(
    scope: Scope, receive: Receive, max_bytes: int, limiter: WorkLimiter
) -> bytes | None:
    """The body, or None when the client left. Raises Problem (413, 503).

    What a body of several messages holds of the memory set aside is given back when the request is
    over (`service.middleware`).
    """
    require_small(declared_bytes(scope), max_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        require_small(len(body), max_bytes)
        return body
    pieces: list[bytes] = []
    size, request = 0, request_context.get()
    while True:
        if message["type"] == "http.disconnect":
            return None
        piece = message.get("body", b"")
        limiter.hold(len(piece))
        request.held_bytes += len(piece)
        pieces.append(piece)
        size += len(piece)
        require_small(size, max_bytes)
        if not message.get("more_body", False):
            return b"".join(pieces)
        message = await receive()


def declared_bytes(scope: Scope) -> int:
    """What Content-Length says; 0 where it says nothing."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def require_small(size: int, max_bytes: int) -> None:
    """Raise Problem (413) for a body larger than that."""
    if size > max_bytes:
        raise Problem(413, f"The body must have at most {max_bytes} bytes.")

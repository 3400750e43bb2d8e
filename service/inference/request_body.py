"""Read a whole request body, up to a maximum size."""

from starlette.types import Receive, Scope

from service.overload.limiter import WorkLimiter
from service.problems import Problem
from service.request_context import request_context


async def read_body(
    scope: Scope, receive: Receive, max_bytes: int, limiter: WorkLimiter
) -> bytes | None:
    """Read the body of a request.

    A body of several messages reserves its size in the memory for bodies; the middleware releases
    it at the end of the request.

    Args:
        scope: The ASGI scope.
        receive: The ASGI receive function.
        max_bytes: Maximum size of the body, in bytes.
        limiter: The memory for bodies of all requests.

    Returns:
        The body, or None if the client disconnected.

    Raises:
        Problem: The body is too large (413), or the memory for bodies is full (503).
    """
    require_small(declared_bytes(scope), max_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        require_small(len(body), max_bytes)
        return body
    chunks: list[bytes] = []
    size, request = 0, request_context.get()
    while True:
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        limiter.hold(len(chunk))
        request.held_bytes += len(chunk)
        chunks.append(chunk)
        size += len(chunk)
        require_small(size, max_bytes)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def declared_bytes(scope: Scope) -> int:
    """Return the value of Content-Length; 0 without one."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def require_small(size: int, max_bytes: int) -> None:
    """Reject a body that is too large.

    Args:
        size: Size of the body, in bytes.
        max_bytes: Maximum size, in bytes.

    Raises:
        Problem: The body is too large (413).
    """
    if size > max_bytes:
        raise Problem(413, f"The body must have at most {max_bytes} bytes.")

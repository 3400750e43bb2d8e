"""Read a whole request body, up to a maximum size."""

from starlette.types import Message, Receive, Scope

from service.overload.memory import UNCHARGED_BYTES, request_lease
from service.problems import Problem


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes | None:
    """Read the body of a request, and charge a large one to the request's lease.

    Args:
        scope: The ASGI scope.
        receive: The ASGI receive function.
        max_bytes: Maximum size of the body, in bytes.

    Returns:
        The body, or None if the client disconnected.

    Raises:
        Problem: The body is too large (413), or the memory for requests is full (503).
    """
    require_small(declared_bytes(scope), max_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        require_small(len(body), max_bytes)
        if len(body) > UNCHARGED_BYTES:
            request_lease.get().add(len(body))
        return body
    chunks: list[bytes] = []
    size, lease = 0, request_lease.get()
    while True:
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        require_small(size, max_bytes)
        lease.add(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            lease.add(size)
            body = b"".join(chunks)
            del chunks
            lease.add(-size)
            return body
        message = await receive()


async def peek(receive: Receive, size: int) -> tuple[bytes, Receive]:
    """Receive the beginning of a body.

    Args:
        receive: The ASGI receive function.
        size: Number of bytes.

    Returns:
        At least `size` bytes, fewer only of a shorter body; and a receive function that begins
        with them.
    """
    messages: list[Message] = []
    start = b""
    while len(start) < size:
        messages.append(await receive())
        start += messages[-1].get("body", b"")
        if not messages[-1].get("more_body", False):
            break

    async def receive_again() -> Message:
        return messages.pop(0) if messages else await receive()

    return start, receive_again


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

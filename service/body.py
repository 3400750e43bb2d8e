"""A request's whole body, as long as it is not too large."""

from starlette.types import Receive, Scope

from service.problems import Problem


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes | None:
    """The body, or None when the client left. Raises Problem (413)."""
    require_small(declared_bytes(scope), max_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        require_small(len(body), max_bytes)
        return body
    pieces: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
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

"""A request's whole body, as long as it is not too large."""

from starlette.types import Receive, Scope

from service.problems import Problem


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes | None:
    """The body, or None when the client left. Raises Problem (413)."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            _require_small(int(value), max_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        _require_small(len(body), max_bytes)
        return body
    pieces: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        _require_small(size, max_bytes)
        if not message.get("more_body", False):
            return b"".join(pieces)
        message = await receive()


def _require_small(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise Problem(413, f"The body must have at most {max_bytes} bytes.")

"""Make of an uploaded file the request that has the content of the file as its body."""

from starlette.types import Message, Receive, Scope

from service.codecs.negotiation import JSON
from service.inference.request_body import declared_bytes, require_small


async def open_upload(scope: Scope, receive: Receive, max_bytes: int) -> tuple[Scope, Receive]:
    """Receive a multipart/form-data body until the head of its file is known.

    Args:
        scope: The ASGI scope.
        receive: The ASGI receive function.
        max_bytes: Maximum size of the body, in bytes.

    Returns:
        A scope with the Content-Type of the file, and a receive function for its content. They are
        a request that ends with a disconnect if the client disconnected.

    Raises:
        Problem: The body is malformed (400), too large (413), has no file of a media type of rows
            (415), or another part beside it (422). The receive function raises it, too.
    """
    from service.codecs.tabular.upload import (
        UploadReader,
    )  # imports multipart, which few services need

    require_small(declared_bytes(scope), max_bytes)
    *_, content_type = (value for name, value in scope["headers"] if name == b"content-type")
    reader = UploadReader(content_type.decode("latin-1"))
    received = 0

    async def receive_content() -> Message:
        nonlocal received
        message = await receive()
        if message["type"] != "http.request":
            return message
        data, more = message.get("body", b""), message.get("more_body", False)
        received += len(data)
        require_small(received, max_bytes)
        content = reader.feed(data)
        if not more:
            reader.finish()
        return {"type": "http.request", "body": content, "more_body": more}

    first = await receive_content()
    while reader.content_type is None and first["type"] == "http.request":
        first = await receive_content()
    waiting = [first]

    async def receive_file() -> Message:
        return waiting.pop() if waiting else await receive_content()

    content_type = (reader.content_type or JSON).encode("latin-1")
    headers = [each for each in scope["headers"] if each[0] != b"content-type"]
    return {**scope, "headers": [*headers, (b"content-type", content_type)]}, receive_file

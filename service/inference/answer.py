"""Send the answer to a prediction request, and record what was predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Send

from service.inference.response_spool import ResponseSpool
from service.registry.model_version import ModelVersion

JSON = b"application/json"


@dataclass(slots=True)
class Answer:
    """A complete answer.

    Attributes:
        body: The content.
        rows: Number of predicted rows.
        labels: Number of rows by predicted label.
        media_type: Media type of the content.
        headers: Further headers.
    """

    body: bytes | ResponseSpool
    rows: int
    labels: Mapping[str, int]
    media_type: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()


async def send_answer(answer: Answer, model_version: ModelVersion, send: Send) -> None:
    """Record an answer's predictions, and send it with status 200.

    Args:
        answer: The answer.
        model_version: The model that predicted.
        send: The ASGI send function.
    """
    model_version.record(answer.rows, answer.labels)
    body = answer.body
    size = len(body) if isinstance(body, bytes) else body.size
    headers = [
        (b"content-type", answer.media_type),
        (b"content-length", b"%d" % size),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if isinstance(body, bytes):
        await send({"type": "http.response.body", "body": body})
        return
    async for chunk in body.chunks():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})

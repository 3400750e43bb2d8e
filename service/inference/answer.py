"""Send the answer to a prediction request, and record what was predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Send

from service.inference.response_spool import ResponseSpool
from service.overload.memory import UNCHARGED_BYTES, request_lease
from service.registry.model_version import ModelVersion
from service.registry.recording import Recording

JSON = b"application/json"


@dataclass(slots=True)
class Answer:
    """A complete answer.

    Attributes:
        body: The content, in parts that are released as they are sent.
        rows: Number of predicted rows.
        labels: Number of rows by predicted label.
        content_type: Value of Content-Type.
        headers: Further headers.
        recording: The predictions, for a store; None without one.
    """

    body: list[bytes] | ResponseSpool
    rows: int
    labels: Mapping[str, int]
    content_type: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()
    recording: Recording | None = None


async def send_answer(answer: Answer, model_version: ModelVersion, send: Send) -> None:
    """Record an answer's predictions, and send it with status 200.

    Args:
        answer: The answer.
        model_version: The model that predicted.
        send: The ASGI send function.
    """
    model_version.record(answer.rows, answer.labels)
    if answer.recording is not None:
        answer.recording.commit()
    body = answer.body
    size = sum(map(len, body)) if isinstance(body, list) else body.size
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % size),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if isinstance(body, list):
        if size <= UNCHARGED_BYTES:
            await send({"type": "http.response.body", "body": b"".join(body)})
        else:
            await _send_parts(body, size, send)
        return
    async for chunk in body.chunks():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send_parts(parts: list[bytes], size: int, send: Send) -> None:
    """Send the parts of a body, and release the memory of each.

    Args:
        parts: The parts; removed as they are sent.
        size: Their size, in bytes.
        send: The ASGI send function.
    """
    lease = request_lease.get()
    charged = lease.charged_bytes > 0  # only a large request is
    parts.reverse()
    while parts:
        if charged:
            lease.resize(size)  # the body and its rows are released
        part = parts.pop()
        size -= len(part)
        await send({"type": "http.response.body", "body": part, "more_body": bool(parts)})

"""Answers in the coding that the client prefers: a large text is sent compressed."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from service.compression.accept_encoding import AcceptedCoding
from service.compression.encoder import STEP_BYTES, Encoder, compress
from service.overload.limiter import WorkLimiter
from service.problems import Problem

MIN_BYTES: Final = 1400  # a smaller answer fits into one packet
INLINE_BYTES: Final = 32 * 1024  # of an answer that is compressed in the event loop
HELD_BYTES: Final = STEP_BYTES // 2  # of short parts, until a step is worth a thread
TEXTS: Final = "text", "json"  # in media types; others, such as tensors and Arrow, gain little
WITHOUT_BODY: Final = 204, 304


def encode_whole(
    status: int, headers: MutableHeaders, content: bytes, accepted: AcceptedCoding
) -> bytes:
    """Return the body of an answer as it is sent, and change its headers.

    Args:
        status: The status of the answer.
        headers: Its headers.
        content: Its whole content, of at most INLINE_BYTES.
        accepted: How the client accepts it.
    """
    coding = _choose_coding(status, headers, len(content), accepted)
    return content if coding is None else _compress(coding, headers, content)


def _choose_coding(
    status: int, headers: MutableHeaders, size: int, accepted: AcceptedCoding
) -> str | None:
    """Return the coding of an answer, None to send it as it is; add Vary if clients differ.

    Args:
        status: The status of the answer.
        headers: Its headers.
        size: Its size in bytes.
        accepted: How the client accepts it.
    """
    if status in WITHOUT_BODY or "content-encoding" in headers:
        return None
    media_type = headers.get("content-type", "").lower()
    is_large_text = size >= MIN_BYTES and any(each in media_type for each in TEXTS)
    if not (is_large_text or accepted.required):
        return None
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.add_vary_header("Accept-Encoding")
    return accepted.name


def _compress(coding: str, headers: MutableHeaders, content: bytes) -> bytes:
    encoded = compress(coding, content)
    headers["content-encoding"] = coding
    headers["content-length"] = str(len(encoded))
    return encoded


class EncodedAnswer:
    """The ASGI function `send` of a request.

    A large answer is compressed step by step in threads. It is sent as it is if the service is
    busy, or has no memory for it.

    Args:
        send: The ASGI send function.
        accepted: How the client accepts the answer.
        limiter: The threads that compress.
        in_chunks: Whether the client can read an answer without a size, as in HTTP/1.1.
    """

    def __init__(
        self, send: Send, accepted: AcceptedCoding, limiter: WorkLimiter, *, in_chunks: bool
    ) -> None:
        self._send, self._accepted = send, accepted
        self._limiter, self._in_chunks = limiter, in_chunks
        self._start: Message | None = None  # not sent yet
        self._headers: MutableHeaders  # its headers
        self._coding = ""
        self._encoder: Encoder | None = None
        self._held: list[bytes] = []
        # Sends a part of the content, and takes whether it is the last; chosen by the first part.
        self._send_part: Callable[[bytes, bool], Awaitable[None]] | None = None

    def close(self) -> None:
        """End the work, and release its memory."""
        if self._encoder is not None:
            self._encoder.close()

    async def send(self, message: Message) -> None:
        """Send an event; the first is held until there is content."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        content, last = message.get("body", b""), not message.get("more_body", False)
        if self._send_part is None:
            assert self._start is not None
            self._send_part = self._choose(self._start, len(content) if last else None)
        await self._send_part(content, last)

    def _choose(self, start: Message, size: int | None) -> Callable[[bytes, bool], Awaitable[None]]:
        """Return the method that sends the content.

        Args:
            start: The first event.
            size: Size of the content in bytes, if it is known without Content-Length.
        """
        self._headers = headers = MutableHeaders(raw=list(start["headers"]))
        start["headers"] = headers.raw
        size = int(headers.get("content-length", INLINE_BYTES + 1 if size is None else size))
        coding = _choose_coding(start["status"], headers, size, self._accepted)
        if coding is None or (size > INLINE_BYTES and not self._in_chunks):
            return self._send_as_it_is
        self._coding = coding
        if size <= INLINE_BYTES:
            return self._send_whole
        self._encoder = Encoder(coding, self._limiter)
        return self._send_in_steps

    async def _send_as_it_is(self, content: bytes, last: bool) -> None:
        if self._start is not None:
            start, self._start = self._start, None
            await self._send(start)
        await self._send({"type": "http.response.body", "body": content, "more_body": not last})

    async def _send_whole(self, content: bytes, last: bool) -> None:
        self._held.append(content)
        if last:
            encoded = _compress(self._coding, self._headers, b"".join(self._held))
            await self._send_as_it_is(encoded, last)

    async def _send_in_steps(self, content: bytes, last: bool) -> None:
        self._held.append(content)
        if sum(map(len, self._held)) < HELD_BYTES and not last:
            return
        content = b"".join(self._held)
        self._held.clear()
        assert self._encoder is not None
        for begin in range(0, len(content) or 1, STEP_BYTES):
            end = begin + STEP_BYTES
            is_last = last and end >= len(content)
            try:
                encoded = await self._encoder.encode(content[begin:end], last=is_last)
            except Problem:
                if self._start is None:
                    raise
                self._send_part = self._send_as_it_is
                await self._send_as_it_is(content, last)
                return
            if self._start is not None:
                self._headers["content-encoding"] = self._coding
                del self._headers["content-length"]
            if encoded or is_last or self._start is not None:
                await self._send_as_it_is(encoded, is_last)

"""The body of a request, decoded as it is received."""

from contextlib import ExitStack
from typing import Final, Self

from starlette.types import Message, Receive

from service.compression.decoder import Decoder
from service.overload.limiter import WorkLimiter
from service.overload.memory import request_lease

# Received before it is decoded: an unfinished body of few bytes must not hold much memory.
COLLECTED_BYTES: Final = 256 * 1024
# Of one step in a thread; a whole body of INLINE_INPUT_BYTES is decoded in the event loop, if its
# content is not larger than INLINE_BYTES.
STEP_INPUT_BYTES, STEP_BYTES = 32 * 1024, 128 * 1024
INLINE_INPUT_BYTES, INLINE_BYTES = 4 * 1024, 32 * 1024


class DecodedBody:
    """The ASGI function `receive` of a request with a compressed body. A context manager.

    Args:
        coding: The content coding.
        receive: The ASGI receive function.
        limiter: The threads that decode.
    """

    def __init__(self, coding: str, receive: Receive, limiter: WorkLimiter) -> None:
        self._decoder = Decoder(coding)
        self._receive = receive
        self._input = b""  # received, and not yet passed to the decoder
        self._received_all = self._complete = False
        self._work = ExitStack()
        self._lease = self._work.enter_context(request_lease.get().ledger.lease(arriving=True))
        self._parts = self._work.enter_context(limiter.in_parts())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._work.close()

    async def receive(self) -> Message:
        """Return the next event; that of a body has decoded bytes.

        Raises:
            Problem: The body is malformed (400), the service is busy (503), or the memory for
                requests is full (413, 503).
        """
        if self._complete:
            return await self._receive()
        decoder = self._decoder
        while True:
            if decoder.needs_input and not self._input:
                message = await self._collect()
                if message is not None:
                    return message
            body = await self._step()
            if self._received_all and decoder.needs_input and not self._input:
                decoder.finish()
                self._complete = True
                self._work.close()
            if body or self._complete:
                return {"type": "http.request", "body": body, "more_body": not self._complete}

    async def _collect(self) -> Message | None:
        """Receive a part of the compressed body; return another event instead, if there is one."""
        chunks: list[bytes] = []
        size = 0
        while size < COLLECTED_BYTES and not self._received_all:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            self._received_all = not message.get("more_body", False)
            if not self._received_all or size > INLINE_INPUT_BYTES:
                self._lease.resize(self._decoder.held_bytes + 2 * size)  # and joined
        self._input = b"".join(chunks)
        return None

    async def _step(self) -> bytes:
        """Return decoded bytes, none if that needs more input."""
        decoder = self._decoder
        if decoder.needs_input:
            is_short = self._received_all and len(self._input) <= INLINE_INPUT_BYTES
            decoder.feed(self._input[:STEP_INPUT_BYTES])
            self._input = self._input[STEP_INPUT_BYTES:]
            if is_short and not self._parts.started:
                return decoder.read(INLINE_BYTES)
        size = decoder.held_bytes + len(self._input) + STEP_INPUT_BYTES + 2 * STEP_BYTES
        self._lease.resize(size)
        return await self._parts.run(decoder.read, STEP_BYTES)

"""What happens around every request: an id, a last-resort answer, and HEAD."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from secrets import token_hex

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

request_id: ContextVar[str] = ContextVar("request_id", default="-")

_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class RequestIdentity:
    """Takes X-Request-ID if it is a sane token, else makes one; puts it on every answer.

    It also catches what nothing else did, logs it, and answers with `last_resort` instead.
    """

    def __init__(self, app: ASGIApp, last_resort: Callable[[Scope], Response]) -> None:
        self.app = app
        self.last_resort = last_resort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one ASGI request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = _taken_or_made(scope)
        request_id.set(identity.decode())
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", identity)]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            if started:  # the answer is cut off; only the server can close the connection
                raise
            logger.exception("unexpected error")
            await self.last_resort(scope)(scope, receive, send_with_id)


class HeadAsGet:
    """Answers HEAD as GET without the body, since FastAPI's routes take GET alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one ASGI request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, send_without_body)


def _taken_or_made(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return bytes(value)
    return token_hex(16).encode()

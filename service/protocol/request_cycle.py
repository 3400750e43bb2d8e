"""uvicorn's request/response cycle, extended by rejection while the request body arrives."""

from collections.abc import Callable, Coroutine
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.overload.memory import UNCHARGED_BYTES, Lease
from service.problems import Problem
from service.protocol.transport import MeteredTransport


class RequestCycle(RequestResponseCycle):
    """One request and its response.

    Attributes:
        transport: The transport of the connection.
        unread: The lease of the connection's bytes that the application has not read.
        on_read: Called after the application has read bytes of the lease.
        rejection: The problem that the next `receive()` raises in the application; None as long
            as the request is accepted.
        allows_more: True if the client keeps the connection open for further requests.
    """

    transport: MeteredTransport
    unread: Lease
    on_read: Callable[[], None]
    rejection: Problem | None = None
    allows_more = False

    def disconnect(self) -> None:
        """Record that the client has disconnected, and wake the application."""
        self.disconnected = True
        self.body.clear()
        self.message_event.set()

    def reject(self, problem: Problem) -> None:
        """Make the application respond with a problem; the connection closes afterwards."""
        self.rejection = problem.with_traceback(None)  # its frames refer to received bytes
        self.keep_alive = False
        self.waiting_for_100_continue = False
        self.message_event.set()

    async def receive(self) -> Any:
        """Return the next chunk of the body or the disconnect event.

        Raises:
            Problem: The request was rejected and the response is not complete.
        """
        message = await super().receive()
        if self.unread.charged_bytes:
            self.on_read()
        if self.rejection is not None and not self.disconnected and not self.response_complete:
            rejection, self.rejection = self.rejection, None
            try:
                raise rejection
            finally:
                del rejection  # which would be a reference cycle with this frame, and all callers'
        return message

    def send(self, message: Any) -> Coroutine[Any, Any, None]:
        """Send an event.

        The head is written together with the first part of the body, which saves a system call. A
        large body is written in pieces, as fast as the client reads.
        """
        if message["type"] == "http.response.start":
            self.transport.holds_next = self.scope["method"] != "HEAD"
        elif len(message.get("body", b"")) > UNCHARGED_BYTES:
            return self._send_pieces(message)
        return super().send(message)

    async def _send_pieces(self, message: Any) -> None:
        body, more_body = message["body"], message.get("more_body", False)
        for start in range(0, len(body), UNCHARGED_BYTES):
            if self.disconnected:
                return
            end = start + UNCHARGED_BYTES
            piece = body[start:end]
            more = more_body or end < len(body)
            await super().send({"type": "http.response.body", "body": piece, "more_body": more})

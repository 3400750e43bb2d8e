"""Requests that are answered without a task and without ASGI messages.

A connection passes a whole request to a `Handler`, if there is one for its head. The handler
responds through the `Responder`, or declines; then the request goes to the ASGI application.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from starlette.types import Scope

Headers = Sequence[tuple[bytes, bytes]]


class Responder(Protocol):
    """A connection with a request that waits for its response."""

    @property
    def default_headers(self) -> Headers:
        """The headers of every response; another object when they have changed."""

    def respond(self, head: bytes, body: bytes) -> None:
        """Send the response.

        Args:
            head: Status line and headers, without the line breaks at the end.
            body: The body; empty for HEAD.
        """

    def fall_back(self) -> None:
        """Pass the request to the ASGI application: it cannot be answered directly."""


class Handler(Protocol):
    """Answers requests with one head. It has no state, and may be used for any number of them."""

    def start(self, body: bytes, responder: Responder) -> bool:
        """Begin to answer a request.

        Args:
            body: The whole body.
            responder: Receives the response, in this call or in the next iteration of the event
                loop.

        Returns:
            False to decline: then the call has had no effect.
        """


# Returns the handler of requests with the head of an ASGI scope; None if there is none.
FindHandler = Callable[[Scope], Handler | None]


class DirectRequest:
    """A request with a known head, which needs no `RequestCycle` unless its handler declines.

    Attributes:
        scope_fields: The fields of its ASGI scope that follow from the head.
        body: The whole body.
        keep_alive: Whether the connection stays open after the response.
        disconnected: Whether the client has disconnected.
        response_started: Whether the response is sent.
        response_complete: The same, since the whole response is sent at once.
    """

    __slots__ = (
        "body",
        "disconnected",
        "keep_alive",
        "response_complete",
        "response_started",
        "scope_fields",
    )

    allows_more = True

    def __init__(self, scope_fields: dict[str, Any], body: bytes) -> None:
        self.scope_fields, self.body = scope_fields, body
        self.keep_alive = True
        self.disconnected = self.response_started = self.response_complete = False

    def disconnect(self) -> None:
        """Record that the client has disconnected."""
        self.disconnected = True

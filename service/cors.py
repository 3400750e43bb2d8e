"""Cross-origin resource sharing (CORS): which scripts of other origins may read answers."""

from collections.abc import Collection
from functools import partial
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

METHODS: Final = ("GET", "HEAD", "POST", "DELETE")
# Headers of answers that scripts may read; those of HTTP's own list need no mention.
EXPOSED_HEADERS: Final = (
    "X-Request-ID",
    "Retry-After",
    "Malignancy-Model",
    "Malignancy-Threshold",
    "Malignancy-Id",
)


class CorsPolicy:
    """Adds CORS headers to answers, errors among them, and answers preflight requests.

    The rules are those of Starlette's middleware.

    Args:
        origins: Allowed origins, such as `https://example.org`, or `*` for all.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._middleware = CORSMiddleware(
            _no_app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )

    def is_cross_origin(self, scope: Scope) -> bool:
        """Return True for a request with the header Origin."""
        return any(name == b"origin" for name, _ in scope["headers"])

    def preflight_response(self, scope: Scope) -> Response | None:
        """Return the response to a preflight request; None for another request."""
        headers = Headers(scope=scope)
        if (
            scope["method"] != "OPTIONS"
            or "origin" not in headers
            or "access-control-request-method" not in headers
        ):
            return None
        return self._middleware.preflight_response(headers)

    def with_headers(self, scope: Scope, send: Send) -> Send:
        """Return a `send` that adds the headers to an answer.

        Args:
            scope: The ASGI scope of the request.
            send: The ASGI send function.
        """
        return partial(self._middleware.send, send=send, request_headers=Headers(scope=scope))


async def _no_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for the application, which the middleware does not call."""

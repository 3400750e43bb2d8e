"""ASGI middleware for content codings: bodies arrive decoded, and answers may be compressed."""

from starlette.types import ASGIApp, Receive, Scope, Send

from service.compression.codings import coding_of
from service.compression.request_bodies import DecodedBody
from service.overload.limiter import WorkLimiter

# The headers of a compressed body, which a decoded one does not have.
CODED_HEADERS = (b"content-encoding", b"content-length")


class CompressionMiddleware:
    """Decodes the bodies of requests.

    Args:
        app: The ASGI application.
        limiter: The threads for large bodies.
    """

    def __init__(self, app: ASGIApp, limiter: WorkLimiter) -> None:
        self.app = app
        self.limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI request; other scopes go on unchanged.

        Raises:
            Problem: The coding of the body is not supported (415).
        """
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        coding = coding_of(scope["headers"])
        if coding is None:
            await self.app(scope, receive, send)
            return
        headers = [header for header in scope["headers"] if header[0] not in CODED_HEADERS]
        with DecodedBody(coding, receive, self.limiter) as body:
            await self.app({**scope, "headers": headers}, body.receive, send)

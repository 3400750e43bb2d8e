"""ASGI middleware for content codings: bodies arrive decoded, and large answers are compressed."""

from starlette.types import ASGIApp, Receive, Scope, Send

from service.compression.accept_encoding import accepted_coding
from service.compression.answers import EncodedAnswer
from service.compression.codings import coding_of
from service.compression.request_bodies import DecodedBody
from service.overload.limiter import WorkLimiter

# The headers of a compressed body, which a decoded one does not have.
CODED_HEADERS = (b"content-encoding", b"content-length")


class CompressionMiddleware:
    """Decodes the bodies of requests, and compresses answers for clients that accept it.

    Args:
        app: The ASGI application.
        limiter: The threads for large bodies and answers.
    """

    def __init__(self, app: ASGIApp, limiter: WorkLimiter) -> None:
        self.app = app
        self.limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI request; other scopes go on unchanged.

        Raises:
            Problem: The coding of the body is not supported (415), or the client accepts none of
                the answer (406).
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = scope["headers"]
        in_chunks = scope.get("http_version") != "1.0"
        answer = EncodedAnswer(send, accepted_coding(headers), self.limiter, in_chunks=in_chunks)
        try:
            coding = None if scope["method"] in ("GET", "HEAD") else coding_of(headers)
            if coding is None:
                await self.app(scope, receive, answer.send)
                return
            plain = [header for header in headers if header[0] not in CODED_HEADERS]
            with DecodedBody(coding, receive, self.limiter) as body:
                await self.app({**scope, "headers": plain}, body.receive, answer.send)
        finally:
            answer.close()

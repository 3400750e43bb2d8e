"""Heads of requests that were validated before: the same bytes have the same meaning.

A client that sends many requests repeats their head, except for Content-Length. What parser,
validation and content negotiation have found is kept by the bytes of the head. A head with
credentials, a request id, or any other header that is not in `PLAIN_HEADERS` is not kept.
"""

from dataclasses import dataclass
from typing import Any, Final

from starlette.types import Scope

from service.protocol.direct_requests import Handler

# Fixed values.
MAX_HEADS: Final = 512  # known at the same time
MAX_BYTES: Final = 1024  # of a known head
PLAIN_HEADERS: Final = frozenset(
    (
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"connection",
        b"content-length",
        b"content-type",
        b"host",
        b"user-agent",
    )
)
END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class KnownHead:
    """What is known about a head, after which the connection stays open.

    Attributes:
        handler: The handler of its requests.
        body_bytes: The size of the body, from Content-Length.
        scope_fields: The fields of the ASGI scope that follow from the head.
    """

    handler: Handler
    body_bytes: int
    scope_fields: dict[str, Any]


class KnownHeads:
    """The known heads of a process, by their bytes."""

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}

    def split(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """Return the head and the body of a request; None unless `data` are one, with a known head.

        Args:
            data: Bytes that a connection has received, from the first byte of a request on.
        """
        end = data.find(END, 0, MAX_BYTES) + len(END)
        head = self._heads.get(data[:end])
        if head is None or len(data) - end != head.body_bytes:
            return None
        return head, data[end:]

    def add(self, data: bytes, scope: Scope, handler: Handler) -> None:
        """Keep the head of a valid request, if it may be kept.

        Args:
            data: The bytes of the request, and perhaps of further ones.
            scope: The ASGI scope that was parsed from them.
            handler: The handler of its requests.
        """
        end = data.find(END, 0, MAX_BYTES) + len(END)
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if (
            end < len(END)
            or len(headers) != len(scope["headers"])
            or not headers.keys() <= PLAIN_HEADERS
            or not length.isdigit()
            or int(length) != len(data) - end
        ):
            return
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        names = "http_version", "method", "path", "raw_path", "query_string", "headers"
        fields = {name: scope[name] for name in names}
        self._heads[data[:end]] = KnownHead(handler, int(length), fields)

"""The request that a connection is receiving."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from service.problems import Problem
from service.protocol.request_cycle import RequestCycle
from service.protocol.request_head import (
    MAX_HEADERS,
    MAX_URL_BYTES,
    check_head_size,
    validate_head,
)

# Fixed limits.
SLICE_BYTES: Final = 16 * 1024  # parsed between two checks of the limits
# Chunk sizes, extensions and trailers, in addition to the body. A chunk of one byte has 5 bytes of
# framing, and 12 if its size is padded with zeros.
FRAMING_BYTES: Final = 16 * 1024
FRAMING_BYTES_PER_BYTE: Final = 16
SLASH: Final = ord("/")


@dataclass(slots=True)
class ArrivingRequest:
    """The request that arrives, or will arrive next; replaced when it is complete.

    Attributes:
        url: The request target.
        headers: All headers, with names in lower case.
        host: The value of the last Host header.
        framing_headers: The number of headers that are in `FRAMING_HEADERS`.
        received_bytes: The bytes of the head so far, then those of the rest.
        body_bytes: The bytes of the body so far, without chunk sizes.
        expects_continue: True if the client waits for 100 Continue before it sends the body.
        cycle: The request and its response; None until the head is complete.
    """

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    host: bytes = b""
    framing_headers: int = 0
    received_bytes: int = 0
    body_bytes: int = 0
    expects_continue: bool = False
    cycle: RequestCycle | None = None

    def check_size(self) -> None:
        """Check the size of an incomplete request.

        Raises:
            Problem: 400 (too much framing), 414 (target too long) or 431 (head too large).
        """
        if self.cycle is None:
            check_head_size(len(self.url), len(self.headers), self.received_bytes)
        elif self.received_bytes > (1 + FRAMING_BYTES_PER_BYTE) * self.body_bytes + FRAMING_BYTES:
            raise Problem(400, "The extensions or trailers of the chunks are too large.")

    def validate_head(self, method: bytes, version: str, upgrades: bool) -> None:
        """Validate the complete head except the value of Host, and convert `url` to origin form.

        Args:
            method: The method of the request line.
            version: The version of the request line, such as "1.1".
            upgrades: True if the head requests another protocol, as CONNECT does too.

        Raises:
            Problem: The head is invalid or too large.
        """
        url = self.url
        if (
            self.framing_headers == 1  # a single Host: the head needs no full validation
            and self.host
            and url[0] == SLASH
            and len(url) <= MAX_URL_BYTES
            and len(self.headers) <= MAX_HEADERS
            and self.received_bytes <= SLICE_BYTES
            and version == "1.1"
            and b"#" not in url
            and not upgrades
        ):
            return
        self.url, self.expects_continue = validate_head(method, version, url, self.headers)

    def scope_fields(self, method: bytes, version: str, root_path: bytes) -> dict[str, Any]:
        """Return the fields of the ASGI scope that follow from a valid head.

        Args:
            method: The method of the request line.
            version: The version of the request line, such as "1.1".
            root_path: The path prefix of the service, which the target may have.
        """
        raw_path, _, query = self.url.partition(b"?")
        if root_path and (raw_path + b"/").startswith(root_path + b"/"):
            raw_path = raw_path[len(root_path) :]  # empty of the bare prefix, which has no slash
        path = raw_path.decode("ascii") or "/"
        if "%" in path:
            path = unquote(path)
        if path.endswith("/") and path != "/":
            # The same resource, without a redirect: its Location would be wrong behind some
            # proxies, and not all clients follow one with POST.
            path = path[:-1]
        return {
            "http_version": version,
            "method": method.decode("ascii"),
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
        }

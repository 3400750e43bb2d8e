"""What a request's head must be before it is passed on (RFC 9112), beyond what the parser refuses.

The parser (llhttp) refuses bare LF, folded headers, control characters, a length that is given
twice or is no number, Content-Length beside Transfer-Encoding, and bad chunk sizes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.problems import Problem

MAX_HEAD_BYTES: Final = 32 * 1024
MAX_URL_BYTES: Final = 8 * 1024
MAX_HEADERS: Final = 100

# The headers that need a closer look, but for a single Host.
FRAMING_HEADERS: Final = frozenset((b"host", b"expect", b"transfer-encoding", b"upgrade"))

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What a head says about framing."""

    hosts: list[bytes]
    codings: list[bytes]
    expectations: list[bytes]

    @classmethod
    def of(cls, decisive: Sequence[tuple[bytes, bytes]]) -> "RequestHead":
        """From the headers of DECISIVE."""

        def values(wanted: bytes) -> list[bytes]:
            return [value.strip().lower() for name, value in decisive if name == wanted]

        return cls(values(b"host"), values(b"transfer-encoding"), values(b"expect"))


def origin_form(url: bytes, method: bytes, head: RequestHead) -> bytes:
    """A request's target as path and query, of the forms there are (RFC 9112, 3.2).

    `http://host/path` must be taken from any client; its host must be the Host header's. `*` is
    for OPTIONS. Raises Problem (400).
    """
    if b"#" in url:
        raise Problem(400, "The target must have no fragment.")
    if url.startswith(b"/"):
        # The parser takes what starts with two slashes for a path, but others for a host.
        return url
    if url == b"*" and method == b"OPTIONS":
        return url
    absolute = _ABSOLUTE.fullmatch(url)
    if absolute is None:
        raise Problem(400, "The target must be a path, as in GET /health HTTP/1.1.")
    if head.hosts and absolute[1].lower() != head.hosts[0]:
        raise Problem(400, "The target and the Host header must name the same host.")
    return absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]


def validate_head(
    head: RequestHead, http_version: str, url: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> None:
    """Raise Problem (400, 414, 417, 431) unless the head is one that can be passed on."""
    if http_version not in ("1.1", "1.0"):
        raise Problem(400, "The version must be HTTP/1.1 or HTTP/1.0.")
    check_head_size(len(url), len(headers), head_bytes(url, headers))
    if len(head.hosts) > 1 or (not head.hosts and http_version == "1.1"):
        raise Problem(400, "There must be exactly one Host header.")
    if head.codings and (head.codings != [b"chunked"] or http_version == "1.0"):
        raise Problem(400, "Transfer-Encoding must be chunked, alone, and in HTTP/1.1.")
    if http_version == "1.1" and any(each != b"100-continue" for each in head.expectations):
        raise Problem(417, "The only expectation that can be met is 100-continue.")


def check_head_size(url_bytes: int, headers: int, bytes_of_head: int) -> None:
    """Raise Problem (414, 431) when a head, perhaps not yet complete, is too large."""
    if url_bytes > MAX_URL_BYTES:
        raise Problem(414, f"The target must have at most {MAX_URL_BYTES} bytes.")
    if headers > MAX_HEADERS:
        raise Problem(431, f"There must be at most {MAX_HEADERS} headers.")
    if bytes_of_head > MAX_HEAD_BYTES:
        raise Problem(431, f"The head must have at most {MAX_HEAD_BYTES} bytes.")


def head_bytes(url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> int:
    """About the size of a head as it was sent."""
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)

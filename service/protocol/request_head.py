"""Validation of a request head (RFC 9112), beyond the checks of the parser.

The parser (llhttp) rejects a bare LF, folded headers, control characters, a Content-Length that is
repeated or not a number, Content-Length beside Transfer-Encoding, and malformed chunk sizes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.problems import Problem

# Fixed limits.
MAX_HEAD_BYTES: Final = 32 * 1024
MAX_URL_BYTES: Final = 8 * 1024
MAX_HEADERS: Final = 100

# A head with any of these needs full validation; a single Host header alone does not.
FRAMING_HEADERS: Final = frozenset((b"host", b"expect", b"transfer-encoding", b"upgrade"))

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The headers of a request that decide on framing, in lower case and stripped.

    Attributes:
        hosts: Values of Host.
        codings: Values of Transfer-Encoding.
        expectations: Values of Expect.
    """

    hosts: list[bytes]
    codings: list[bytes]
    expectations: list[bytes]

    @classmethod
    def of(cls, headers: Sequence[tuple[bytes, bytes]]) -> "RequestHead":
        """Create it from the headers that are in `FRAMING_HEADERS`, with names in lower case."""

        def values(wanted: bytes) -> list[bytes]:
            return [value.strip().lower() for name, value in headers if name == wanted]

        return cls(values(b"host"), values(b"transfer-encoding"), values(b"expect"))


def origin_form(url: bytes, method: bytes, head: RequestHead) -> bytes:
    """Convert a request target to the origin form, path and query (RFC 9112, section 3.2).

    A server must accept the absolute form `http://host/path` from any client; its host must equal
    the Host header. The asterisk form `*` is valid for OPTIONS only.

    Args:
        url: The request target.
        method: The request method.
        head: The framing headers.

    Returns:
        The target in origin form, or `*`.

    Raises:
        Problem: 400 for an invalid target.
    """
    if b"#" in url:
        raise Problem(400, "The target must have no fragment.")
    if url.startswith(b"/"):
        # The parser takes a target that starts with two slashes for a path; other programs take
        # its first segment for a host.
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
    """Validate version, size and framing headers of a complete head.

    Args:
        head: The framing headers.
        http_version: The version of the request line, such as "1.1".
        url: The request target.
        headers: All headers.

    Raises:
        Problem: 400 (malformed), 414 (target too long), 417 (unsupported expectation) or 431
            (head too large).
    """
    if http_version not in ("1.1", "1.0"):
        raise Problem(400, "The version must be HTTP/1.1 or HTTP/1.0.")
    check_head_size(len(url), len(headers), head_bytes(url, headers))
    if len(head.hosts) > 1 or (not head.hosts and http_version == "1.1"):
        raise Problem(400, "The request must have exactly one Host header.")
    if head.codings and (head.codings != [b"chunked"] or http_version == "1.0"):
        raise Problem(400, "Transfer-Encoding must be chunked, alone, and in HTTP/1.1.")
    if http_version == "1.1" and any(each != b"100-continue" for each in head.expectations):
        raise Problem(417, "The only supported expectation is 100-continue.")


def check_head_size(url_bytes: int, headers: int, bytes_of_head: int) -> None:
    """Check the size of a head, which may be incomplete.

    Args:
        url_bytes: Length of the target in bytes.
        headers: Number of headers.
        bytes_of_head: Length of the head in bytes.

    Raises:
        Problem: 414 (target too long) or 431 (too many headers, head too large).
    """
    if url_bytes > MAX_URL_BYTES:
        raise Problem(414, f"The target must have at most {MAX_URL_BYTES} bytes.")
    if headers > MAX_HEADERS:
        raise Problem(431, f"The request must have at most {MAX_HEADERS} headers.")
    if bytes_of_head > MAX_HEAD_BYTES:
        raise Problem(431, f"The head must have at most {MAX_HEAD_BYTES} bytes.")


def head_bytes(url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Return the approximate size of a head on the wire, in bytes.

    Args:
        url: The request target.
        headers: Names and values.
    """
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)

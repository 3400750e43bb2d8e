"""Validation of a request head (RFC 9112), beyond the checks of the parser.

The parser (llhttp) rejects a bare LF, folded headers, control characters, a Content-Length that is
repeated or not a number, Content-Length beside Transfer-Encoding, and malformed chunk sizes.
"""

import re
from collections.abc import Sequence
from typing import Final

from service.problems import Problem

# Fixed limits.
MAX_HEAD_BYTES: Final = 32 * 1024
MAX_URL_BYTES: Final = 8 * 1024
MAX_HEADERS: Final = 100

# A head with any of these needs full validation; a single Host header alone does not.
FRAMING_HEADERS: Final = frozenset((b"host", b"expect", b"transfer-encoding", b"upgrade"))

# Blanks and tabs around the value of a header are no part of it (RFC 9110, section 5.5). The
# connection removes them, so that no reader has to.
WHITESPACE: Final = b" \t"

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)


Headers = Sequence[tuple[bytes, bytes]]


def validate_head(method: bytes, version: str, url: bytes, headers: Headers) -> tuple[bytes, bool]:
    """Validate a complete head, except the value of Host.

    Args:
        method: The request method.
        version: The version of the request line, such as "1.1".
        url: The request target.
        headers: All headers, with names in lower case, and without `WHITESPACE` around values.

    Returns:
        The target in origin form, and True if the client waits for 100 Continue.

    Raises:
        Problem: 400 (malformed), 414 (target too long), 417 (unsupported expectation) or 431 (head
            too large).
    """

    def values(wanted: bytes) -> list[bytes]:
        return [value.lower() for name, value in headers if name == wanted]

    if version not in ("1.1", "1.0"):
        raise Problem(400, "The version must be HTTP/1.1 or HTTP/1.0.")
    size = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
    check_head_size(len(url), len(headers), size)
    hosts, codings, expectations = map(values, (b"host", b"transfer-encoding", b"expect"))
    if len(hosts) > 1 or (not any(hosts) and version == "1.1"):
        raise Problem(400, "The request must have exactly one Host header.")
    if codings and (codings != [b"chunked"] or version == "1.0"):
        raise Problem(400, "Transfer-Encoding must be chunked, alone, and in HTTP/1.1.")
    if version == "1.1" and not set(expectations) <= {b"", b"100-continue"}:
        raise Problem(417, "The only supported expectation is 100-continue.")
    if method == b"CONNECT":
        raise Problem(400, "CONNECT is not supported: this service is not a proxy.")
    return _origin_form(url, method, hosts), version == "1.1" and any(expectations)


def _origin_form(url: bytes, method: bytes, hosts: Sequence[bytes]) -> bytes:
    """Convert a request target to the origin form, path and query (RFC 9112, section 3.2).

    A server must accept the absolute form `http://host/path` from any client; its host must equal
    the Host header. The asterisk form `*` is valid for OPTIONS only.
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
    if hosts and absolute[1].lower() != hosts[0]:
        raise Problem(400, "The target and the Host header must name the same host.")
    return absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]


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

"""Content negotiation: the media types of body and answer from the request's headers."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from service.codecs.accept import Accept, parse_media_range
from service.problems import Problem

JSON: Final = "application/json"
CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
ARROW: Final = "application/vnd.apache.arrow.stream"
MEDIA_TYPES = (JSON, CSV, NDJSON, ARROW)

Headers = Iterable[tuple[bytes, bytes]]


class NegotiatedTypes(NamedTuple):
    """The media types of one exchange.

    Attributes:
        request: The media type of the request's body.
        response: The media type of the answer.
    """

    request: str
    response: str


JSON_TO_JSON: Final = NegotiatedTypes(JSON, JSON)


def negotiate(headers: Headers, answer: str | None = None) -> NegotiatedTypes:
    """Choose the media types of body and answer.

    Without Content-Type the body is JSON.

    Args:
        headers: Names in lower case, and values.
        answer: The preferred media type of the answer; by default that of the body.

    Returns:
        The media types.

    Raises:
        Problem: Accept excludes every format (406), or the body has an unsupported media type,
            charset or encoding (415).
    """
    body, accepted = JSON, []
    for name, value in headers:
        if name == b"content-type" and value != b"application/json":
            body = _body_type(value.decode("latin-1"))
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Problem(415, "The body must not be compressed.", headers={"Accept-Encoding": ""})
        elif name == b"accept" and value not in (b"", b"*/*"):
            accepted.append(value.decode("latin-1"))
    preferred = answer or body
    if accepted:
        preferred = _acceptable(Accept(",".join(accepted)), preferred)
    elif body is preferred is JSON:
        return JSON_TO_JSON
    return NegotiatedTypes(body, preferred)


def _body_type(content_type: str) -> str:
    media_type, parameters = parse_media_range(content_type)
    known = next((each for each in MEDIA_TYPES if each == media_type), None)
    if (
        known is None
        or parameters.get("charset", "utf-8") not in ("utf-8", "utf8")
        or (known == CSV and parameters.get("header", "present") != "present")
    ):
        names = ", ".join(MEDIA_TYPES)
        detail = (
            f"The media type of the body must be one of {names}, with text in UTF-8. "
            f"Send a Content-Type header, for example Content-Type: {JSON}."
        )
        raise Problem(415, detail, headers={"Accept": names})
    return known


def _acceptable(accept: Accept, preferred: str) -> str:
    """Return the media type with the highest weight; among equals, the preferred one."""
    best = max((preferred, *MEDIA_TYPES), key=lambda each: accept.preference(each)[0])
    if not accept.preference(best)[0]:
        names = ", ".join(MEDIA_TYPES)
        raise Problem(406, f"The answer is one of {names}, which the Accept header excludes.")
    return best

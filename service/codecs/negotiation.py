"""Content-Type, Content-Encoding and Accept: what a body is in, and what its answer shall be in."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from service.problems import Problem

JSON: Final = "application/json"
CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
ARROW: Final = "application/vnd.apache.arrow.stream"
MEDIA_TYPES = (JSON, CSV, NDJSON, ARROW)

Headers = Iterable[tuple[bytes, bytes]]


class NegotiatedTypes(NamedTuple):
    """The media types of a request's body and of its answer."""

    request: str
    response: str


JSON_TO_JSON: Final = NegotiatedTypes(JSON, JSON)


def negotiate(headers: Headers, answer: str | None = None) -> NegotiatedTypes:
    """What the headers say, or raise Problem (406, 415).

    Without Content-Type the body is taken to be JSON. answer: what is answered where Accept allows
    it; by default the same as the body.
    """
    body, accepted = JSON, []
    for name, value in headers:
        if name == b"content-type" and value != b"application/json":
            body = _content(value.decode("latin-1"))
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Problem(415, "The body must not be compressed.", headers={"Accept-Encoding": ""})
        elif name == b"accept" and value not in (b"", b"*/*"):
            accepted.append(value.decode("latin-1"))
    preferred = answer or body
    if accepted:
        preferred = _acceptable(",".join(accepted), preferred)
    elif body is preferred is JSON:
        return JSON_TO_JSON
    return NegotiatedTypes(body, preferred)


def _content(content_type: str) -> str:
    media_type, parameters = _parse(content_type)
    known = next((each for each in MEDIA_TYPES if each == media_type), None)
    if (
        known is None
        or parameters.get("charset", "utf-8") not in ("utf-8", "utf8")
        or (known == CSV and parameters.get("header", "present") != "present")
    ):
        names = ", ".join(MEDIA_TYPES)
        detail = f"The body must be one of {names}, text in UTF-8."
        raise Problem(415, detail, headers={"Accept": names})
    return known


def _acceptable(accept: str, preferred: str) -> str:
    """The type of the most weight, of equals the preferred one, or the first."""
    ranges = [_parse(each) for each in accept.split(",")]
    weights = {name: _weight(parameters.get("q", "1")) for name, parameters in ranges}

    def weight(media_type: str) -> float:
        # From the most to the least specific; the first that is named decides (RFC 9110, 12.5.1).
        group = media_type.partition("/")[0]
        named = (each for each in (media_type, f"{group}/*", "*/*") if each in weights)
        return weights[found] if (found := next(named, None)) else 0.0

    best = max((preferred, *MEDIA_TYPES), key=weight)
    if not weight(best):
        names = ", ".join(MEDIA_TYPES)
        raise Problem(406, f"The answer is one of {names}, which the Accept header excludes.")
    return best


def _weight(text: str) -> float:
    """Nonsense weighs as much as nothing said."""
    try:
        weight = float(text)
    except ValueError:
        return 1.0
    return weight if 0 <= weight <= 1 else 1.0


def _parse(value: str) -> tuple[str, dict[str, str]]:
    """The media type, or range, and its parameters, in lower case."""
    media_type, *parameters = (part.strip() for part in value.lower().split(";"))
    pairs = (each.partition("=") for each in parameters)
    return media_type, {name.strip(): content.strip().strip('"') for name, _, content in pairs}

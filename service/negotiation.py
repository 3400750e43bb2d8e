"""Content-Type, Content-Encoding and Accept of a request whose body and answer are JSON."""

from collections.abc import Iterable

from service.problems import Problem

JSON = "application/json"
# From the most to the least specific; the first that Accept names decides (RFC 9110, 12.5.1).
_ACCEPTABLE = (JSON, "application/*", "*/*")

Headers = Iterable[tuple[bytes, bytes]]


def require_json(headers: Headers) -> None:
    """Raise Problem unless a JSON body (415) may be answered with JSON (406).

    Without Content-Type the body is taken to be JSON, without Accept anything is acceptable.
    """
    accepted = []
    for name, value in headers:
        if name == b"content-type" and value != b"application/json":
            _require_json_content(value.decode("latin-1"))
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Problem(415, "The body must not be compressed.", headers={"Accept-Encoding": ""})
        elif name == b"accept" and value not in (b"", b"*/*"):
            accepted.append(value.decode("latin-1"))
    if accepted and not _accepts_json(",".join(accepted)):
        raise Problem(406, f"The answer is {JSON}, which the Accept header excludes.")


def _require_json_content(content_type: str) -> None:
    media_type, charset = _parse(content_type, "charset")
    if media_type != JSON or charset not in (None, "utf-8", "utf8"):
        raise Problem(415, f"The body must be {JSON} in UTF-8.", headers={"Accept": JSON})


def _accepts_json(accept: str) -> bool:
    weights = dict(_parse(media_range, "q") for media_range in accept.split(","))
    for media_range in _ACCEPTABLE:
        if media_range in weights:
            weight = weights[media_range]
            return weight is None or weight.strip("0.") != ""
    return False


def _parse(value: str, parameter: str) -> tuple[str, str | None]:
    """The media type, or range, and one of its parameters, in lower case."""
    media_type, *parameters = (part.strip() for part in value.lower().split(";"))
    for each in parameters:
        name, _, content = each.partition("=")
        if name.strip() == parameter:
            return media_type, content.strip().strip('"')
    return media_type, None

"""Content negotiation: the media types of body and answer from the request's headers."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from service.codecs.accept import Accept, parse_media_range
from service.problems import Problem

JSON: Final = "application/json"
CSV: Final = "text/csv"
TSV: Final = "text/tab-separated-values"
NDJSON: Final = "application/x-ndjson"
ARROW: Final = "application/vnd.apache.arrow.stream"
ARROW_FILE: Final = "application/vnd.apache.arrow.file"
PARQUET: Final = "application/vnd.apache.parquet"
MEDIA_TYPES: Final = (JSON, CSV, TSV, NDJSON, ARROW, ARROW_FILE, PARQUET)

# Every name by which a client may ask for a media type, those of `MEDIA_TYPES` first.
NAMES: Final = {
    **{name: name for name in MEDIA_TYPES},
    "application/csv": CSV,
    "application/jsonl": NDJSON,
    "application/jsonlines": NDJSON,
    "application/x-jsonlines": NDJSON,
    "application/json-lines": NDJSON,
    "application/ndjson": NDJSON,
    "application/x-feather": ARROW_FILE,
    "application/parquet": PARQUET,
    "application/x-parquet": PARQUET,
}
# By the end of the name of an uploaded file.
EXTENSIONS: Final = {
    ".csv": CSV,
    ".tsv": TSV,
    ".json": JSON,
    ".ndjson": NDJSON,
    ".jsonl": NDJSON,
    ".arrow": ARROW_FILE,
    ".arrows": ARROW,
    ".feather": ARROW_FILE,
    ".parquet": PARQUET,
}
MULTIPART: Final = "multipart/form-data"
# Those that need pyarrow. The beginning of a body decides which of them it is.
ARROW_TYPES: Final = (ARROW, ARROW_FILE, PARQUET)
# The delimiter of each type with a header row; None if the header decides.
DELIMITER_OF: Final = {CSV: None, TSV: "\t"}
# Without a charset, some clients take the text of these for Latin-1, or guess.
TEXTS: Final = (CSV, TSV, NDJSON)
UTF_8_NAMES: Final = ("utf-8", "utf8", "us-ascii", "ascii")

Headers = Iterable[tuple[bytes, bytes]]


class NegotiatedTypes(NamedTuple):
    """The media types of one exchange, each one of `MEDIA_TYPES`.

    Attributes:
        request: The media type of the request's body.
        response: The media type of the answer.
        content_type: The header of the answer: its media type by the name that the client uses.
        has_header: False for a body in CSV whose first line is a row, by the parameter `header`.
    """

    request: str
    response: str
    content_type: str
    has_header: bool = True


JSON_TO_JSON: Final = NegotiatedTypes(JSON, JSON, JSON)
UPLOAD: Final = NegotiatedTypes(MULTIPART, MULTIPART, MULTIPART)  # the file in it decides


def negotiate(headers: Headers, answer: str | None = None) -> NegotiatedTypes:
    """Choose the media types of body and answer.

    Without Content-Type, or with an empty one, the body is JSON.

    Args:
        headers: Names in lower case, and values.
        answer: The preferred media type of the answer; by default that of the body.

    Returns:
        The media types; `UPLOAD` for multipart/form-data.

    Raises:
        Problem: Accept excludes every format (406), or the body has an unsupported media type
            or charset (415).
    """
    body, has_header, accepted = JSON, True, []
    for name, value in headers:
        if name == b"content-type" and value not in (b"", b"application/json"):
            body, has_header = _body_type(value.decode("latin-1"))
        elif name == b"accept" and value not in (b"", b"*/*"):
            accepted.append(value.decode("latin-1"))
    if body is MULTIPART:
        return UPLOAD
    preferred = answer or body
    if accepted:
        preferred = _acceptable(Accept(",".join(accepted)), preferred)
    elif body is preferred is JSON:
        return JSON_TO_JSON
    response = NAMES[preferred]
    content_type = f"{preferred}; charset=utf-8" if response in TEXTS else preferred
    return NegotiatedTypes(NAMES[body], response, content_type, has_header)


def _body_type(content_type: str) -> tuple[str, bool]:
    """Return the name of the body's media type, of `NAMES` or multipart, and if it has a header.

    Raises:
        Problem: The media type or one of its parameters is not supported (415).
    """
    name, parameters = parse_media_range(content_type)
    if name == MULTIPART:
        return MULTIPART, True
    header = parameters.get("header", "present")
    if name not in NAMES:
        rule = f"The media type of the body must be one of {', '.join(MEDIA_TYPES)}"
    elif parameters.get("charset", "utf-8") not in UTF_8_NAMES:
        rule = "The charset of the body must be utf-8"
    elif NAMES[name] in DELIMITER_OF and header not in ("present", "absent"):
        rule = "The parameter header of a table must be present or absent"
    else:
        return name, header == "present" or NAMES[name] not in DELIMITER_OF
    detail = f"{rule}. Send a Content-Type header, for example Content-Type: {JSON}."
    raise Problem(415, detail, headers={"Accept": ", ".join(MEDIA_TYPES)})


def _acceptable(accept: Accept, preferred: str) -> str:
    """Return the name with the highest weight; among equals, the preferred one.

    Args:
        accept: The header.
        preferred: One of `NAMES`.

    Raises:
        Problem: The header excludes every name (406).
    """
    best = max((preferred, *NAMES), key=lambda each: accept.preference(each)[0])
    if not accept.preference(best)[0]:
        names = ", ".join(MEDIA_TYPES)
        raise Problem(406, f"The answer is one of {names}, which the Accept header excludes.")
    return best

"""In which format GET /metrics is answered: JSON, unless Accept prefers one of Prometheus's."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics


@dataclass(frozen=True)
class Format:
    """One way to write metrics down, and what Accept calls it."""

    media_type: str
    versions: tuple[str, ...]
    content_type: str
    write: Callable[[Any], bytes]


OPENMETRICS = Format(
    "application/openmetrics-text",
    ("1.0.0",),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
    openmetrics.generate_latest,
)
PLAIN = Format(
    "text/plain",
    ("0.0.4",),
    exposition.CONTENT_TYPE_PLAIN_0_0_4,
    exposition.generate_latest,
)
_JSON = "application/json"


def scrape_format(headers: Iterable[tuple[bytes, bytes]]) -> Format | None:
    """What Accept likes best; None is JSON, which is as good as any where they are equal.

    The range that says most about a format decides (RFC 9110, 12.5.1). Of two formats that are
    liked as much, one that is named goes before one that is not.
    """
    accept = ",".join(value.decode("latin-1") for name, value in headers if name == b"accept")
    ranges = [_parse(each) for each in accept.lower().split(",") if each.strip()]
    best, liked = None, _liking(_JSON, (), ranges)
    for offered in (OPENMETRICS, PLAIN):
        liking = _liking(offered.media_type, offered.versions, ranges)
        if liking > liked:
            best, liked = offered, liking
    return best


def _parse(media_range: str) -> tuple[str, str, float]:
    """The range, its version and its weight; no weight is 1, one that is no number 0."""
    name, *rest = (part.strip() for part in media_range.split(";"))
    pairs = (part.partition("=") for part in rest)
    parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
    try:
        weight = min(float(parameters.get("q", "1")), 1.0)
    except ValueError:
        weight = 0.0
    return name, parameters.get("version", ""), weight if weight > 0 else 0.0


def _liking(
    media_type: str, versions: tuple[str, ...], ranges: list[tuple[str, str, float]]
) -> tuple[float, int]:
    """The weight of a media type, and how much the range that gave it says: 0 to 2."""
    said = [
        (place, weight)
        for name, version, weight in ranges
        for place, pattern in enumerate(("*/*", f"{media_type.split('/')[0]}/*", media_type))
        if name == pattern and (not versions or version in ("", *versions))
    ]
    most = max((place for place, _ in said), default=0)
    liked = max((weight for place, weight in said if place == most), default=0.0)
    return (liked, most) if liked else (0.0, 0)

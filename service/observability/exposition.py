"""Content negotiation of GET /metrics: JSON, OpenMetrics or the Prometheus text format."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics


@dataclass(frozen=True)
class Format:
    """Exposition format of metrics.

    Attributes:
        media_type: Media type without parameters, as in Accept.
        versions: Values of the parameter `version` that the format satisfies.
        content_type: Value of Content-Type, with parameters.
        write: Function from a prometheus_client collector to the body.
    """

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
    """Return the exposition format that Accept prefers to JSON, or None for JSON.

    The most specific media range that matches a format gives its weight. Of two formats with the
    same weight, the one with the more specific range is preferred, then JSON.

    Source: RFC 9110, section 12.5.1.
    """
    accept = ",".join(value.decode("latin-1") for name, value in headers if name == b"accept")
    ranges = [_parse(each) for each in accept.lower().split(",") if each.strip()]
    best, best_preference = None, _preference(_JSON, (), ranges)
    for offered in (OPENMETRICS, PLAIN):
        preference = _preference(offered.media_type, offered.versions, ranges)
        if preference > best_preference:
            best, best_preference = offered, preference
    return best


def _parse(media_range: str) -> tuple[str, str, float]:
    """Return name, version and weight; a missing weight is 1, an invalid one 0."""
    name, *rest = (part.strip() for part in media_range.split(";"))
    pairs = (part.partition("=") for part in rest)
    parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
    try:
        weight = min(float(parameters.get("q", "1")), 1.0)
    except ValueError:
        weight = 0.0
    return name, parameters.get("version", ""), weight if weight > 0 else 0.0


def _preference(
    media_type: str, versions: tuple[str, ...], ranges: list[tuple[str, str, float]]
) -> tuple[float, int]:
    """Return the weight of a media type and the specificity, 0 to 2, of the range that gives it."""
    matches = [
        (specificity, weight)
        for name, version, weight in ranges
        for specificity, pattern in enumerate(("*/*", f"{media_type.split('/')[0]}/*", media_type))
        if name == pattern and (not versions or version in ("", *versions))
    ]
    highest = max((specificity for specificity, _ in matches), default=0)
    weight = max((weight for specificity, weight in matches if specificity == highest), default=0.0)
    return (weight, highest) if weight else (0.0, 0)

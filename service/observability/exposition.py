"""Content negotiation of GET /metrics: JSON, OpenMetrics or the Prometheus text format."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics

from service.codecs.accept import Accept, accept_header


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

    Of two formats with the same weight, the one with the more specific range is preferred, then
    JSON.
    """
    accept = Accept(accept_header(headers))
    best, best_preference = None, accept.preference(_JSON)
    for offered in (OPENMETRICS, PLAIN):
        preference = accept.preference(offered.media_type, offered.versions)
        if preference > best_preference:
            best, best_preference = offered, preference
    return best

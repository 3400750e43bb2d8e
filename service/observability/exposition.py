"""Content negotiation of GET /metrics: JSON, OpenMetrics or the Prometheus text format."""

import re
from collections.abc import Callable, Iterable, Sequence
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
_PROTOBUF = "application/vnd.google.protobuf"
# Scrapers of which some versions send no Accept header, or one without a preference.
_SCRAPERS = re.compile(
    rb"prometheus|vm_promscrape|vector/|fluent-bit|telegraf|datadog|zabbix|netdata", re.IGNORECASE
)


def scrape_format(headers: Sequence[tuple[bytes, bytes]]) -> Format | None:
    """Return the exposition format that a request prefers to JSON, or None for JSON.

    Of two formats with the same weight, the one with the more specific range is preferred, then
    JSON; for a known scraper, the text format of Prometheus. A header that excludes JSON but names
    another version of a format, or the Protobuf format, gets the nearest one.

    Args:
        headers: The headers of the request, with names in lower case.
    """
    accept = Accept(accept_header(headers))
    json_preference = accept.preference(_JSON)
    best, best_preference = None, json_preference
    for offered in (OPENMETRICS, PLAIN):
        preference = accept.preference(offered.media_type, offered.versions)
        if preference > best_preference:
            best, best_preference = offered, preference
    if best is not None:
        return best
    if accept.preference(PLAIN.media_type) == json_preference and _is_scraper(headers):
        return PLAIN
    if not json_preference[0]:
        for media_type, nearest in (
            (OPENMETRICS.media_type, OPENMETRICS),
            (PLAIN.media_type, PLAIN),
            (_PROTOBUF, PLAIN),
        ):
            if accept.preference(media_type)[0]:
                return nearest
    return None


def _is_scraper(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"user-agent" and _SCRAPERS.search(value) for name, value in headers)

"""Tests of service.observability.exposition: the format that Accept selects."""

import pytest

from service.observability.exposition import OPENMETRICS, PLAIN, Format, scrape_format


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", None),
        ("*/*", None),
        ("application/json", None),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None),
        ("application/*", None),
        ("image/png", None),
        ("text/plain;q=0", None),
        ("text/plain;q=0.1, */*;q=0.2", None),
        ("text/plain;q=many", PLAIN),
        ("text/plain;q=nan", PLAIN),
        ("text/plain;version=9", None),
        ("text/plain", PLAIN),
        ("TEXT/PLAIN; VERSION=0.0.4", PLAIN),
        ("text/*", PLAIN),
        ("text/plain;q=0.3, application/json;q=0.2", PLAIN),
        ("text/plain;version=0.0.4, */*", PLAIN),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1;q=0.9,text/plain;version=0.0.4;q=0.5", PLAIN),
        # as Prometheus 2 and 3 send it
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
            "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPENMETRICS,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/"
            "openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;"
            "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OPENMETRICS,
        ),
    ],
)
def test_accept_selects_the_format(accept: str, expected: Format | None) -> None:
    assert scrape_format([(b"accept", accept.encode())]) is expected

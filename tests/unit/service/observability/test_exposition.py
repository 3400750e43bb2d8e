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
        ("text/plain;version=9", PLAIN),
        ("text/plain;version=9, application/json", None),
        ("text/plain", PLAIN),
        ("TEXT/PLAIN; VERSION=0.0.4", PLAIN),
        ("text/*", PLAIN),
        ("text/plain;q=0.3, application/json;q=0.2", PLAIN),
        ("text/plain;version=0.0.4, */*", PLAIN),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1;q=0.9,text/plain;version=0.0.4;q=0.5", PLAIN),
        ("application/openmetrics-text; version=0.0.1; charset=utf-8", OPENMETRICS),  # Datadog
        ("text/plain;version=1.0.0;escaping=allow-utf-8", PLAIN),
        ("text/plain;version=0.0.4;q=1,*/*;q=0.1", PLAIN),  # vmagent
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
            "delimited;q=0.7,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",  # Telegraf
            PLAIN,
        ),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", PLAIN),
        ("application/json, text/plain, */*", None),  # axios
        ("text/html, image/gif, image/jpeg, */*; q=0.2", None),  # Java
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


@pytest.mark.parametrize(
    "agent", ["Vector/0.35.0 (x86_64-unknown-linux-gnu)", "Zabbix", "Datadog Agent/7.50.0"]
)
def test_a_scraper_without_a_preference_gets_text(agent: str) -> None:
    sign = (b"user-agent", agent.encode())
    assert scrape_format([sign]) is PLAIN
    assert scrape_format([sign, (b"accept", b"*/*")]) is PLAIN
    assert scrape_format([sign, (b"accept", b"application/json")]) is None
    assert scrape_format([sign, (b"accept", b"application/openmetrics-text")]) is OPENMETRICS


def test_a_program_without_a_preference_gets_json() -> None:
    for agent in (b"curl/8.5.0", b"python-requests/2.32.3", b"Mozilla/5.0"):
        assert scrape_format([(b"user-agent", agent), (b"accept", b"*/*")]) is None

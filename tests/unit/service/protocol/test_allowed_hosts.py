"""service/protocol/allowed_hosts.py: valid, allowed and rejected Host headers."""

import pytest

from service.protocol.allowed_hosts import AllowedHosts, serves_any_host
from service.settings import parse_hosts

ALLOWED = "Example.org., *.Example.com ,[2001:DB8:0::1], ::2, 10.0.0.7, m\u00fcnchen.example"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"example.org", None),
        (b"EXAMPLE.org.:8000", None),
        (b"a.b.example.com", None),
        (b"[2001:db8::1]:8000", None),
        (b"[2001:DB8:0:0::0001]", None),
        (b"[::2]", None),
        (b"10.0.0.7:80", None),
        (b"xn--mnchen-3ya.example", None),
        (b"example.com", 421),
        (b"badexample.com", 421),
        (b"127.0.0.1", 421),
        (b"[::3]", 421),
        (b"[1.2]", 421),
        (b"", 421),
        (b"example.org:http", 400),
    ],
)
def test_allowed_hosts(host: bytes, status: int | None) -> None:
    error = AllowedHosts(parse_hosts(ALLOWED)).error_for(host)
    assert (error and error[0]) == status


def test_without_a_setting_every_well_formed_host_is_served() -> None:
    error_for = AllowedHosts(parse_hosts(" ")).error_for
    assert error_for(b"any.example") is error_for(b"") is None
    assert error_for(b"a b")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/health/ready", True),
        ("HEAD", "/v2/models/a/versions/b/ready", True),
        ("GET", "/metrics", True),
        ("POST", "/health", False),
        ("GET", "/models/a/metrics", False),
        ("GET", "/", False),
    ],
)
def test_probes_and_scrapers_need_no_allowed_host(method: str, path: str, expected: bool) -> None:
    assert serves_any_host(method, path) is expected

"""Which Host headers are answered."""

import pytest

from service.protocol.allowed_hosts import AllowedHosts


@pytest.mark.parametrize(
    ("host", "error_for"),
    [
        (b"example.org", None),
        (b"EXAMPLE.org.:8000", None),
        (b"a.b.example.com", None),
        (b"example.com", 421),
        (b"badexample.com", 421),
        (b"127.0.0.1", 421),
        (b"example.org:http", 400),
    ],
)
def test_allowed_hosts(host: bytes, error_for: int | None) -> None:
    found = AllowedHosts(["Example.org", "*.example.com"]).error_for(host)
    assert (found and found[0]) == error_for

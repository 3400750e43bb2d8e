"""service/protocol/allowed_hosts.py: valid, allowed and rejected Host headers."""

import pytest

from service.protocol.allowed_hosts import AllowedHosts


@pytest.mark.parametrize(
    ("host", "status"),
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
def test_allowed_hosts(host: bytes, status: int | None) -> None:
    error = AllowedHosts(["Example.org", "*.example.com"]).error_for(host)
    assert (error and error[0]) == status

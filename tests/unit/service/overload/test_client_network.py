"""service/overload/client_network.py: addresses of one client."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from service.overload.client_network import network_of


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_the_network_of_ipv6_addresses(address: ipaddress.IPv6Address, host: int) -> None:
    if address.ipv4_mapped is not None:
        assert network_of(str(address)) == str(address.ipv4_mapped)
        return
    first = int(address) >> 64 << 64
    other = ipaddress.IPv6Address(first | host)
    assert network_of(f"{address}%eth0") == network_of(str(address))
    if other.ipv4_mapped is None:
        assert network_of(str(other)) == network_of(str(address))
    assert network_of(str(ipaddress.IPv6Address(int(address) ^ 1 << 64))) != network_of(
        str(address)
    )


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_its_own_network(address: ipaddress.IPv4Address) -> None:
    assert network_of(str(address)) == network_of(f"::ffff:{address}") == str(address)

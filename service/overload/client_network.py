"""What counts as one client: an IPv4 address, or an IPv6 network of 64 bits."""

from ipaddress import IPv6Address


def network_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 network of 64 bits.

    Args:
        address: An IP address, as the socket has it; empty for a Unix socket.
    """
    if ":" not in address:
        return address
    parsed = IPv6Address(address.partition("%")[0])
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return parsed.packed[:8].hex()

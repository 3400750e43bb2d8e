"""Validation of the Host header against the setting `allowed_hosts`."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from service.health_checks import is_health_check

MISDIRECTED: Final = 421  # the status for a valid host that is not served
_HOST = re.compile(
    rb"([A-Za-z0-9_~!$&'()*+,;=%-]+(?:\.[A-Za-z0-9_~!$&'()*+,;=%-]+)*\.?|\[[0-9A-Fa-f:.]+\])"
    rb"(?::[0-9]{0,5})?"
)


class AllowedHosts:
    """The hosts that the service serves.

    Args:
        allowed: Host names, addresses, and wildcards such as `*.example.org`, as `parse_hosts` of
            the settings returns them; empty to serve every host.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._names = frozenset(name for name in allowed if not name.startswith("*."))
        self._suffixes = tuple(name[1:] for name in allowed if name.startswith("*."))
        self.error_for = lru_cache(maxsize=256)(self._error_for)

    def _error_for(self, value: bytes) -> tuple[int, str] | None:
        """Return the status and the detail of the error in a Host value, None for a valid one.

        Args:
            value: The value of the header; empty for a request without it.
        """
        match = _HOST.fullmatch(value)
        if match is None and value:
            return 400, "The Host header must be a host name or an address, with an optional port."
        if not self._names and not self._suffixes:
            return None
        if match is None:
            return MISDIRECTED, "The request must name a host that is served here."
        name = match[1].decode().lower().removesuffix(".")
        if name.startswith("["):
            name = _without_brackets(name)
        if name in self._names or name.endswith(self._suffixes):
            return None
        return MISDIRECTED, "This host is not served here."


def serves_any_host(method: str, path: str) -> bool:
    """Return True for health checks and metrics, which need no allowed host.

    Orchestrators, load balancers and Prometheus send the address of a pod as its host.

    Args:
        method: The request method.
        path: The decoded path of the target.
    """
    return method in ("GET", "HEAD") and (path == "/metrics" or is_health_check(path))


def _without_brackets(literal: str) -> str:
    try:
        return str(IPv6Address(literal[1:-1]))
    except ValueError:  # a malformed address is none that is allowed
        return literal

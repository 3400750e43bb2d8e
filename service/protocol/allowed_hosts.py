"""Validation of the Host header against the setting `allowed_hosts`."""

import re
from collections.abc import Sequence
from functools import lru_cache

from service.problems import Problem

_HOST = re.compile(
    rb"([A-Za-z0-9_~!$&'()*+,;=%-]+(?:\.[A-Za-z0-9_~!$&'()*+,;=%-]+)*\.?|\[[0-9A-Fa-f:.]+\])"
    rb"(?::[0-9]{0,5})?"
)


class AllowedHosts:
    """The hosts that the service serves.

    Args:
        allowed: Host names and wildcards such as `*.example.org`; empty to serve every host.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        names = [name.lower().encode() for name in allowed]
        self._names = frozenset(name for name in names if not name.startswith(b"*."))
        self._suffixes = tuple(name[1:] for name in names if name.startswith(b"*."))
        self.error_for = lru_cache(maxsize=256)(self._error_for)

    def _error_for(self, value: bytes) -> tuple[int, str] | None:
        """Return the status and the detail of the error in a Host value, None for a valid one."""
        match = _HOST.fullmatch(value)
        if match is None:
            return 400, "The Host header must be a host name or an address, with an optional port."
        name = match[1].lower().removesuffix(b".")
        if not self._names and not self._suffixes:
            return None
        if name in self._names or name.endswith(self._suffixes or (b"\0",)):
            return None
        return 421, "This host is not served here."

    def require(self, hosts: Sequence[bytes]) -> None:
        """Validate all Host values of a request.

        Args:
            hosts: The values of the Host headers. An empty sequence is an error if only some
                hosts are allowed.

        Raises:
            Problem: 400 for a malformed or missing host, 421 for a host that is not allowed.
        """
        for host in hosts:
            if error := self.error_for(host):
                raise Problem(*error)
        if not hosts and (self._names or self._suffixes):
            raise Problem(400, "The request must have exactly one Host header.")

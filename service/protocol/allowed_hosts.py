"""Which values of the Host header are served."""

import re
from collections.abc import Sequence
from functools import lru_cache

from service.problems import Problem

_HOST = re.compile(
    rb"([A-Za-z0-9_~!$&'()*+,;=%-]+(?:\.[A-Za-z0-9_~!$&'()*+,;=%-]+)*\.?|\[[0-9A-Fa-f:.]+\])"
    rb"(?::[0-9]{0,5})?"
)


class AllowedHosts:
    """Which values of Host are good: `allowed` are names and `*.example.org`, none for any."""

    def __init__(self, allowed: Sequence[str]) -> None:
        names = [name.lower().encode() for name in allowed]
        self._names = frozenset(name for name in names if not name.startswith(b"*."))
        self._suffixes = tuple(name[1:] for name in names if name.startswith(b"*."))
        self.error_for = lru_cache(maxsize=256)(self._error_for)

    def _error_for(self, value: bytes) -> tuple[int, str] | None:
        """The status and words of what is wrong with a value, None for a good one."""
        found = _HOST.fullmatch(value)
        if found is None:
            return 400, "The Host header must be a host name or address, and may have a port."
        name = found[1].lower().removesuffix(b".")
        if not self._names and not self._suffixes:
            return None
        if name in self._names or name.endswith(self._suffixes or (b"\0",)):
            return None
        return 421, "This host is not served here."

    def require(self, hosts: Sequence[bytes]) -> None:
        """Raise Problem (400, 421) unless each is good, and there is one if only some are."""
        for host in hosts:
            if error_for := self.error_for(host):
                raise Problem(*error_for)
        if not hosts and (self._names or self._suffixes):
            raise Problem(400, "There must be exactly one Host header.")

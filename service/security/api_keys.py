"""API keys: who may ask for what. Everything but the health checks needs one, once any is set.

A key is `id.secret`, sent as `Authorization: Bearer id.secret` or `X-API-Key: id.secret`. The
setting holds only the SHA-256 of the secret, which must be random: no salt is needed then.
"""

import hashlib
import hmac
import re
from typing import Final

from starlette.types import Scope

from service.problems import Problem
from service.settings import SettingError

SCOPES: Final = ("predict", "metrics", "admin")
PUBLIC_PATHS: Final = frozenset(
    ("/health", "/health/live", "/health/ready", "/ping", "/v2/health/live", "/v2/health/ready")
)

_KEY: Final = re.compile(r"([A-Za-z0-9_-]{1,64}):([a-z+]+):([0-9a-f]{64})")
# As the router matches paths: `$` is also before a line break at the end.
_METRICS: Final = re.compile(r"(?:/models/[^/]+)?/metrics$")
_NOBODY: Final = (bytes(32), frozenset[str]())


class ApiKeyAuth:
    """The keys of the setting `api_keys`: `id:scope+scope:sha256`, separated by commas.

    Raises SettingError.
    """

    def __init__(self, keys: str) -> None:
        self._keys: dict[bytes, tuple[bytes, frozenset[str]]] = {}
        for each in keys.split(","):
            found = _KEY.fullmatch(each.strip())
            scopes = frozenset(found[2].split("+")) if found else frozenset[str]()
            if found is None or not scopes <= set(SCOPES):
                rule = f"must be keys as id:scope+scope:sha256, scopes of {', '.join(SCOPES)}"
                raise SettingError("api_keys", rule)
            identity = found[1].encode()
            if identity in self._keys:
                raise SettingError("api_keys", "must be keys of different ids")
            self._keys[identity] = bytes.fromhex(found[3]), scopes

    def require(self, scope: Scope) -> None:
        """Raise Problem unless the request may be answered: 401 without a key that is known, 403
        where it does not reach.
        """
        if scope["path"] in PUBLIC_PATHS:
            return
        scopes = self._scopes(_sent(scope))
        if scopes is None:
            detail = "This service needs an API key, as Authorization: Bearer or X-API-Key."
            raise Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})
        needed = _needed(scope)
        if needed is not None and not scopes & {needed, "admin"}:
            raise Problem(403, f"This API key is not for {needed}.")

    def _scopes(self, key: bytes) -> frozenset[str] | None:
        """What a key is for; None for one that is not known.

        An unknown id takes the same comparison as a known one.
        """
        identity, _, secret = key.partition(b".")
        digest, scopes = self._keys.get(identity, _NOBODY)
        same = hmac.compare_digest(hashlib.sha256(secret).digest(), digest)
        return scopes if same and identity in self._keys else None


def _sent(scope: Scope) -> bytes:
    """The key of a request; an empty one where there is none, or more than one."""
    found = []
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            found.append(value.strip())
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            found.append(value[7:].strip())
    return found[0] if len(found) == 1 else b""


def _needed(scope: Scope) -> str | None:
    """The scope that a request needs; None where any key will do: to read what a model is."""
    if _METRICS.match(scope["path"]):
        return "metrics"
    return None if scope["method"] in ("GET", "HEAD") else "predict"

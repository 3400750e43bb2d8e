"""API keys and their scopes. With any key configured, all paths but the health checks need one.

A key is `id.secret`, sent as `Authorization: Bearer id.secret` or `X-API-Key: id.secret`. The
setting holds only the SHA-256 of the secret. The secret must be random, so no salt is needed.
"""

import hashlib
import hmac
import re
from typing import Final

from starlette.types import Scope

from service.health_checks import is_health_check
from service.problems import Problem
from service.settings import SettingError

SCOPES: Final = ("predict", "metrics", "admin")

_KEY: Final = re.compile(r"([A-Za-z0-9_-]{1,64}):([a-z+]+):([0-9a-f]{64})")
# The same pattern as the router's: `$` also matches before a line break at the end.
_METRICS: Final = re.compile(r"(?:/models/[^/]+)?/metrics$")
_UNKNOWN_KEY: Final = (bytes(32), frozenset[str]())


class ApiKeyAuth:
    """Authorization by the keys of the setting `api_keys`.

    Args:
        keys: Keys as `id:scope+scope:sha256`, separated by commas.

    Raises:
        SettingError: A key is malformed, has an unknown scope, or has the id of another one.
    """

    def __init__(self, keys: str) -> None:
        self._keys: dict[bytes, tuple[bytes, frozenset[str]]] = {}
        for key in keys.split(","):
            match = _KEY.fullmatch(key.strip())
            scopes = frozenset(match[2].split("+")) if match else frozenset[str]()
            if match is None or not scopes <= set(SCOPES):
                rule = f"must be keys as id:scope+scope:sha256, scopes of {', '.join(SCOPES)}"
                raise SettingError("api_keys", rule)
            identity = match[1].encode()
            if identity in self._keys:
                raise SettingError("api_keys", "must be keys of different ids")
            self._keys[identity] = bytes.fromhex(match[3]), scopes

    def require(self, scope: Scope) -> None:
        """Check that a request's key permits the request.

        Raises:
            Problem: 401 without a known key, 403 if the key lacks the required scope.
        """
        if is_health_check(scope["path"]):
            return
        scopes = self._scopes(_sent_key(scope))
        if scopes is None:
            detail = "This service needs an API key, as Authorization: Bearer or X-API-Key."
            raise Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})
        required = _required_scope(scope)
        if required is not None and not scopes & {required, "admin"}:
            raise Problem(403, f"This API key lacks the scope {required}.")

    def _scopes(self, key: bytes) -> frozenset[str] | None:
        """Return the scopes of a key; None for an unknown key.

        An unknown id takes the same comparison as a known one, so timing does not reveal ids.
        """
        identity, _, secret = key.partition(b".")
        digest, scopes = self._keys.get(identity, _UNKNOWN_KEY)
        same = hmac.compare_digest(hashlib.sha256(secret).digest(), digest)
        return scopes if same and identity in self._keys else None


def _sent_key(scope: Scope) -> bytes:
    """Return the key of a request; an empty one if there is none or more than one."""
    found = []
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            found.append(value.strip())
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            found.append(value[7:].strip())
    return found[0] if len(found) == 1 else b""


def _required_scope(scope: Scope) -> str | None:
    """Return the scope that a request needs; None if any key permits it, as to read metadata."""
    if _METRICS.match(scope["path"]):
        return "metrics"
    return None if scope["method"] in ("GET", "HEAD") else "predict"

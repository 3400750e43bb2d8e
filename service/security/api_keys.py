"""API keys and their scopes. With any key configured, all paths but the health checks need one.

The files of the page need none either, since they do not depend on a model.

A key is `id.secret`, sent as `Authorization: Bearer id.secret` or `X-API-Key: id.secret`. Browsers
prompt for a user and a password, here `id` and `secret`, and send `Authorization: Basic`.
The setting holds only the SHA-256 of the secret. The secret must be random, so no salt is needed.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from service.health_checks import is_health_check
from service.problems import Problem
from service.settings import SettingError

SCOPES: Final = ("predict", "metrics", "feedback", "admin")

_KEY: Final = re.compile(r"([A-Za-z0-9_-]{1,64}):([a-z+]+):([0-9a-f]{64})")
# The same pattern as the router's: `$` also matches before a line break at the end.
_METRICS: Final = re.compile(r"(?:(?:/models/[^/]+)?/metrics|/models/[^/]+/(?:compare|live))$")
_FEEDBACK: Final = "/feedback"
_UNKNOWN_KEY: Final = (bytes(32), frozenset[str]())
_BEARER: Final = (b"www-authenticate", b"Bearer")
# A separate header, since Chromium reads only one challenge of each.
_BASIC: Final = (b"www-authenticate", b'Basic realm="id and secret of an API key", charset="UTF-8"')
_READING: Final = ("GET", "HEAD")
_OTHER_SITES: Final = (b"cross-site", b"same-site")


class ApiKeyAuth:
    """Authorization by the keys of the setting `api_keys`.

    Args:
        keys: Keys as `id:scope+scope:sha256`, separated by commas.
        is_public: Returns True for the ASGI scope of a further request that needs no key; None if
            there are none.

    Raises:
        SettingError: A key is malformed, has an unknown scope, or has the id of another one.
    """

    def __init__(self, keys: str, is_public: Callable[[Scope], bool] | None = None) -> None:
        self._is_public = is_public
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

    def require(self, scope: Scope) -> str:
        """Check that a request's key permits the request.

        Returns:
            The id of the key; "" if the request needs none.

        Raises:
            Problem: 401 without a known key, 403 if the key lacks the required scope.
        """
        if scope["method"] in _READING and is_health_check(scope["path"]):
            return ""
        if self._is_public is not None and self._is_public(scope):
            return ""
        key = _sent_key(scope)
        scopes = self._scopes(key)
        if scopes is None:
            detail = "This service needs an API key, as Authorization: Bearer or X-API-Key."
            raise Problem(401, detail, headers=_challenges(scope))
        required = _required_scope(scope)
        if required is not None and not scopes & {required, "admin"}:
            raise Problem(403, f"This API key lacks the scope {required}.")
        return key.partition(b".")[0].decode()

    def _scopes(self, key: bytes) -> frozenset[str] | None:
        """Return the scopes of a key; None for an unknown key.

        An unknown id takes the same comparison as a known one, so timing does not reveal ids.
        """
        identity, _, secret = key.partition(b".")
        digest, scopes = self._keys.get(identity, _UNKNOWN_KEY)
        same = hmac.compare_digest(hashlib.sha256(secret).digest(), digest)
        return scopes if same and identity in self._keys else None


def _sent_key(scope: Scope) -> bytes:
    """Return the key of a request; an empty one if there is none, or if there are several.

    A browser adds Basic credentials by itself, also to what the page of another site sends. So they
    count only without another key, and such a page can only read, which the browser hides from it.
    """
    keys: list[bytes] = []
    from_browser: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            keys.append(value)
        elif name == b"authorization":
            scheme, _, credentials = value.partition(b" ")
            if scheme.lower() == b"bearer":
                keys.append(credentials.lstrip(b" "))
            elif scheme.lower() == b"basic":
                from_browser.append(_basic_key(credentials.lstrip(b" ")))
    found = [key for key in keys if key]
    if from_browser and not found and not _changes_from_another_site(scope):
        found = from_browser
    return found[0] if found and found.count(found[0]) == len(found) else b""


def _changes_from_another_site(scope: Scope) -> bool:
    sites = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
    return scope["method"] not in _READING and any(site in _OTHER_SITES for site in sites)


def _basic_key(credentials: bytes) -> bytes:
    """Return the key of Basic credentials, in base64; an empty one if they are malformed."""
    try:
        user, _, password = b64decode(credentials, validate=True).partition(b":")
    except ValueError:
        return b""
    return b"%b.%b" % (user, password)


def _challenges(scope: Scope) -> Headers:
    """Return the headers of a 401 response, with which a browser prompts for the key of a page."""
    accept = b",".join(value for name, value in scope["headers"] if name == b"accept")
    is_page = scope["method"] in _READING and b"text/html" in accept.lower()
    return Headers(raw=[_BEARER, _BASIC] if is_page else [_BEARER])


def _required_scope(scope: Scope) -> str | None:
    """Return the scope that a request needs; None if any key permits it, as to read metadata."""
    if _METRICS.match(scope["path"]):
        return "metrics"
    if scope["method"] == "DELETE":
        return "admin"
    if scope["path"] == _FEEDBACK:
        return None if scope["method"] in _READING else "feedback"
    return None if scope["method"] in _READING else "predict"

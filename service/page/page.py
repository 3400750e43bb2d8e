"""Responses with the files of the page: security headers, caching, and conditional requests.

The file `static/index.html` is the answer to `GET /` for clients that prefer HTML. It refers to
its scripts and styles by the relative links `./page/NAME`, which are right at `/` and below a path
prefix; these are the files of the folder `static/page`. Their names contain a hash of their
content, so they never change.
"""

from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from starlette.responses import Response
from starlette.types import Scope

from service.codecs.accept import Accept, accept_header
from service.codecs.negotiation import JSON
from service.compression.accept_encoding import accepted_coding, accepts_gzip
from service.compression.codings import GZIP
from service.page.static_files import StaticFile, static_files

HTML: Final = "text/html"
PREFIX: Final = "/page/"  # of the paths of scripts and styles
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
}
REVALIDATED: Final = "no-cache"  # stored, but compared by its ETag before each use
IMMUTABLE: Final = "public, max-age=31536000, immutable"
READING: Final = ("GET", "HEAD")

Headers = Iterable[tuple[bytes, bytes]]


def prefers_html(headers: Headers) -> bool:
    """Return True if Accept prefers HTML to JSON; `*/*` and a request without it mean JSON."""
    accept = Accept(accept_header(headers))
    return accept.preference(HTML) > accept.preference(JSON)


class Page:
    """The page: its HTML, and its scripts and styles.

    The names of the files are read at once, their contents when they are first needed.
    """

    def __init__(self) -> None:
        folder = files("service.page") / "static"
        self._index = StaticFile(folder / "index.html")
        self._assets = static_files((folder / "page").iterdir())

    @property
    def names(self) -> list[str]:
        """The names of the scripts and styles."""
        return list(self._assets)

    def is_public(self, scope: Scope) -> bool:
        """Return True for a request for a file of the page, none of which depends on the model."""
        path: str = scope["path"]
        if scope["method"] not in READING:
            return False
        if path == "/":
            return prefers_html(scope["headers"])
        return path.startswith(PREFIX) and path.removeprefix(PREFIX) in self._assets

    def index(self, headers: Headers) -> Response:
        """Return the HTML of the page, or 304 for a client that has it.

        Args:
            headers: The headers of the request.
        """
        return _response(self._index, headers, REVALIDATED, "Accept, Accept-Encoding")

    def load(self, name: str) -> None:
        """Read and compress a script or style, so that `asset` takes no time.

        Args:
            name: The name of the file; an unknown one is ignored.
        """
        if name in self._assets:
            _ = self._assets[name].loaded

    def is_loaded(self, name: str) -> bool:
        """Return True if there is nothing to load, also for an unknown name."""
        return name not in self._assets or self._assets[name].is_loaded

    def asset(self, name: str, headers: Headers) -> Response | None:
        """Return a script or style, or 304 for a client that has it; None for an unknown name.

        Args:
            name: The name of the file.
            headers: The headers of the request.
        """
        file = self._assets.get(name)
        return None if file is None else _response(file, headers, IMMUTABLE, "Accept-Encoding")


def _response(file: StaticFile, headers: Headers, caching: str, vary: str) -> Response:
    content, compressed, digest = file.loaded
    body, etag = content, f'"{digest}"'
    sent = {**SECURITY_HEADERS, "Cache-Control": caching, "Vary": vary}
    if compressed is not None and accepts_gzip(headers):
        body, etag = compressed, f'"{digest}-gzip"'
        sent["Content-Encoding"] = GZIP
    elif accepted_coding(headers).name is not None:  # the middleware may compress the answer
        etag = f"W/{etag}"
    sent["ETag"] = etag
    if _has_tag(headers, etag):
        sent.pop("Content-Encoding", None)
        return Response(status_code=304, headers=sent)
    return Response(body, headers=sent, media_type=file.media_type)


def _has_tag(headers: Headers, etag: str) -> bool:
    """Return True if If-None-Match has an entity tag, by weak comparison.

    Source: RFC 9110, section 13.1.2.
    """
    value = b",".join(value for name, value in headers if name == b"if-none-match")
    tags = [tag.strip().removeprefix("W/") for tag in value.decode("latin-1").split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags

"""A page of Chromium that records what must not happen: errors, and requests to other hosts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Request

SECONDS = 20.0  # for a busy machine
# Chromium requests it for addresses that are not HTML, such as a document in JSON.
FAVICON = r"status of 404.*/favicon\.ico$"
LOCAL_SCHEMES = ("blob", "data", "about")


@dataclass
class WatchedContext:
    """A context of a browser, and what happens in its pages.

    Attributes:
        context: The context.
        origin: The scheme, host and port to which requests are permitted.
        allowed: Patterns of messages of the console that a test provokes.
        problems: Errors of scripts, of the console and of policies, and foreign requests.
        urls: Addresses of all requests.
    """

    context: "BrowserContext"
    origin: str
    allowed: Sequence[str] = ()
    problems: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(1000 * SECONDS)
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.problems.append(f"error: {error.error}"))
        self.context.on("request", self._request)
        self.context.on("dialog", self._dialog)

    def check(self) -> None:
        """Fail if there were problems."""
        assert not self.problems, self.problems

    def _console(self, message: "ConsoleMessage") -> None:
        text = f"{message.type}: {message.text} {message.location['url']}"
        if message.type in ("error", "warning") and not self._is_allowed(text):
            self.problems.append(text)

    def _dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: "Request") -> None:
        self.urls.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in LOCAL_SCHEMES and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.problems.append(f"request to {request.url}")

    def _is_allowed(self, text: str) -> bool:
        return any(re.search(pattern, text) for pattern in (FAVICON, *self.allowed))

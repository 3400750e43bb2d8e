"""The access log: one line a request."""

import sys
from collections.abc import Callable
from contextlib import suppress

from pydantic_core import to_json
from structlog.typing import EventDict

from service.observability.log_writer import LogWriter
from service.observability.logging import LogFormat, console_renderer, shared_processors
from service.request_context import AccessLog, RequestContext

ACCESS = "service.access"
METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT".split())


def access_log(level: str, log_format: LogFormat, lines: LogWriter | None = None) -> AccessLog:
    """What logs one line a request: who, what, how long; no path, no query and no value."""
    at_info, at_debug = level in ("debug", "info"), level == "debug"
    # Without structlog's bound loggers, which would take twice as long as all that is done here.
    stamps = shared_processors()
    put = _put_at_once if lines is None else lines.put
    render: Callable[[EventDict], bytes] = to_json if log_format == "json" else _as_text()

    def log(request: RequestContext, method: str, status: int, seconds: float) -> None:
        is_check = request.route.startswith("/health")
        if not (at_debug if is_check else at_info):
            return
        event: EventDict = {
            "event": "request",
            "level": "debug" if is_check else "info",
            "logger": ACCESS,
            "request_id": request.id,
            "method": method if method in METHODS else "other",
            "route": request.route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
        }
        if request.model:
            event["model"] = request.model
            event["rows"] = request.rows
        for stamp in stamps:
            stamp(None, "", event)
        put(render(event) + b"\n")

    return log


def _as_text() -> Callable[[EventDict], bytes]:
    console = console_renderer()
    return lambda event: str(console(None, "", event)).encode(errors="backslashreplace")


def _put_at_once(line: bytes) -> None:
    with suppress(OSError, ValueError):  # nobody reads it any more
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()

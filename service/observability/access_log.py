"""Access log: one line a request."""

import sys
from collections.abc import Callable
from contextlib import suppress

from pydantic_core import to_json
from structlog.typing import EventDict

from service.observability.log_writer import LogWriter
from service.observability.logging import (
    LogFormat,
    console_renderer,
    resolve_log_format,
    shared_processors,
)
from service.request_context import AccessLog, RequestContext

ACCESS = "service.access"
METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT".split())


def access_log(
    level: str, log_format: LogFormat = "auto", writer: LogWriter | None = None
) -> AccessLog:
    """Return a function that logs one line a request.

    A line has the request's id, method, route template, status and duration, and the model and
    number of rows of a prediction. It never has the path, the query or a value of the body.
    Health checks are logged at level debug, all other requests at level info.

    Args:
        level: Least severe level that is logged: debug, info, warning or error.
        log_format: "json", "text", or "auto" for `resolve_log_format`.
        writer: Writes the lines in its own thread. Without it, each line is written synchronously.

    Returns:
        A function of the request's context, method, status and seconds.
    """
    at_info, at_debug = level in ("debug", "info"), level == "debug"
    # structlog's bound loggers would double the time of a line, so none is used here.
    processors = shared_processors()
    write = _write_stderr if writer is None else writer.put
    is_json = resolve_log_format(log_format) == "json"
    render: Callable[[EventDict], bytes] = to_json if is_json else _text_renderer()

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
        for process in processors:
            process(None, "", event)
        write(render(event) + b"\n")

    return log


def _text_renderer() -> Callable[[EventDict], bytes]:
    console = console_renderer()
    return lambda event: str(console(None, "", event)).encode(errors="backslashreplace")


def _write_stderr(line: bytes) -> None:
    with suppress(OSError, ValueError):  # the reader of standard error has closed it
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()

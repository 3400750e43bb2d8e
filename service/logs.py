"""Log lines on standard error: a JSON object each, or text for a person at a terminal."""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import structlog
from pydantic_core import to_json
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, Processor, WrappedLogger

from service.current_request import CurrentRequest, current_request
from service.log_lines import LogLines
from service.middleware import AccessLog
from service.tracing import trace_ids, tracing_is_asked_for

LogFormat = Literal["json", "text"]

ACCESS = "service.access"
METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT".split())


def configure_logging(level: str, log_format: LogFormat, lines: LogLines | None = None) -> None:
    """Log everything from `level` up; the web server's own messages and warnings too.

    lines: what takes the lines; without it they are written at once.
    """
    rendering: list[Processor] = [_console()]
    if log_format == "json":
        rendering = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler() if lines is None else _Handler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _with_request_id,
                *_shared(),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *rendering,
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


class _Handler(logging.Handler):
    """Passes lines on; `logging.shutdown`, at the end of the process, sees to it that they are
    written."""

    def __init__(self, lines: LogLines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self._lines.put(line.encode(errors="backslashreplace") + b"\n")

    def flush(self) -> None:
        self._lines.flush()


def access_log(level: str, log_format: LogFormat, lines: LogLines | None = None) -> AccessLog:
    """What logs one line a request: who, what, how long; no path, no query and no value."""
    at_info, at_debug = level in ("debug", "info"), level == "debug"
    # Without structlog's bound loggers, which would take twice as long as all that is done here.
    stamps = _shared()
    put = _put_at_once if lines is None else lines.put
    render: Callable[[EventDict], bytes] = to_json if log_format == "json" else _as_text()

    def log(request: CurrentRequest, method: str, status: int, seconds: float) -> None:
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
    console = _console()
    return lambda event: str(console(None, "", event)).encode(errors="backslashreplace")


def _put_at_once(line: bytes) -> None:
    with suppress(OSError, ValueError):  # nobody reads it any more
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()


def _shared() -> list[Processor]:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [_with_trace, stamp] if tracing_is_asked_for() else [stamp]


def _console() -> ConsoleRenderer:
    # plain_traceback, since the others show what local variables hold.
    return ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain_traceback)


def _with_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request = current_request.get()
    if request.id != "-":
        event["request_id"] = request.id
    return event


def _with_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.update(trace_ids())
    return event

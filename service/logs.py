"""Log lines on standard error: a JSON object each, or text for a person at a terminal."""

import logging
import sys
from contextlib import suppress
from typing import Any, Literal

import structlog
from pydantic_core import to_json
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, Processor, WrappedLogger

from service.current_request import CurrentRequest, current_request
from service.middleware import AccessLog
from service.tracing import trace_ids, tracing_is_asked_for

LogFormat = Literal["json", "text"]

ACCESS = "service.access"
METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT".split())


def configure_logging(level: str, log_format: LogFormat) -> None:
    """Log everything from `level` up; the web server's own messages and warnings too."""
    handler = logging.StreamHandler()
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
                *_text_or(log_format, structlog.processors.format_exc_info, _json),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


def access_log(level: str, log_format: LogFormat) -> AccessLog:
    """What logs one line a request: who, what, how long; no path, no query and no value."""
    json = log_format == "json"
    logger = structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer) if json else structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            *_shared(),
            *_text_or(log_format, structlog.processors.JSONRenderer(serializer=_bytes)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    ).bind(logger=ACCESS)

    def log(request: CurrentRequest, method: str, status: int, seconds: float) -> None:
        known = {
            "request_id": request.id,
            "method": method if method in METHODS else "other",
            "route": request.route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
        }
        if request.model:
            known |= {"model": request.model, "rows": request.rows}
        say = logger.debug if request.route.startswith("/health") else logger.info
        with suppress(OSError, ValueError):  # nobody reads it any more: that harms no request
            say("request", **known)

    return log


def _shared() -> list[Processor]:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [_with_trace, stamp] if tracing_is_asked_for() else [stamp]


def _text_or(log_format: LogFormat, *otherwise: Processor) -> list[Processor]:
    if log_format == "json":
        return list(otherwise)
    # plain_traceback, since the others show what local variables hold.
    return [ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain_traceback)]


def _with_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request = current_request.get()
    if request.id != "-":
        event["request_id"] = request.id
    return event


def _with_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.update(trace_ids())
    return event


def _json(logger: WrappedLogger, method: str, event: EventDict) -> str | bytes:
    return structlog.processors.JSONRenderer()(logger, method, event)


def _bytes(event: EventDict, **_: Any) -> bytes:
    return to_json(event)

"""Logging to standard error: one JSON object a line, or text for a terminal."""

import logging
import sys
from typing import Final, Literal

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, WrappedLogger

from model.errors import MAX_TEXT_CHARACTERS, bounded
from service.observability.log_writer import LogWriter
from service.observability.tracing import trace_ids, tracing_is_enabled
from service.request_context import request_context

LogFormat = Literal["auto", "json", "text"]

MAX_TRACEBACK_CHARACTERS: Final = 10_000  # with the texts of its exceptions

# uvicorn's copy of the event with ANSI colour codes, which its own formatter uses.
_UVICORN_COLOR_MESSAGE = "color_message"


def configure_logging(
    level: str, log_format: LogFormat = "auto", writer: LogWriter | None = None
) -> None:
    """Send all log records, warnings and uvicorn's messages to standard error.

    A record's message is the event name; the fields passed as `extra` become fields of the line.

    Args:
        level: Least severe level that is logged: debug, info, warning or error.
        log_format: "json", "text", or "auto" for `resolve_log_format`.
        writer: Writes the lines in its own thread. Without it, each line is written synchronously.
    """
    is_json = resolve_log_format(log_format) == "json"
    render = structlog.processors.JSONRenderer() if is_json else console_renderer()
    handler = logging.StreamHandler() if writer is None else _WriterHandler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.ExtraAdder(),
                _without_color_message,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _with_request_id,
                *([_with_trace_ids] if tracing_is_enabled() else []),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _with_bounded_texts,
                render,
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


def resolve_log_format(log_format: LogFormat) -> Literal["json", "text"]:
    """Return the format that "auto" stands for: text at a terminal, JSON otherwise."""
    if log_format == "auto":
        return "text" if _stderr_is_terminal() else "json"
    return log_format


class _WriterHandler(logging.Handler):
    """Logging handler that puts lines into a `LogWriter`.

    `logging.shutdown`, at the end of the process, calls `flush`.
    """

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self._writer.put(line.encode(errors="backslashreplace") + b"\n")

    def flush(self) -> None:
        self._writer.flush()


def console_renderer() -> ConsoleRenderer:
    """Return the renderer of text lines, with colours when standard error is a terminal."""
    # plain_traceback, because structlog's other formatters print the values of local variables.
    return ConsoleRenderer(colors=_stderr_is_terminal(), exception_formatter=plain_traceback)


def _stderr_is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _without_color_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop(_UVICORN_COLOR_MESSAGE, None)
    return event


def _with_bounded_texts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut long texts: an error may quote from a file or a header."""
    for name, value in event.items():
        if isinstance(value, str):
            limit = MAX_TRACEBACK_CHARACTERS if name == "exception" else MAX_TEXT_CHARACTERS
            event[name] = bounded(value, limit)
    return event


def _with_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request = request_context.get()
    if request.id != "-":
        event["request_id"] = request.id
    return event


def _with_trace_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.update(trace_ids())
    return event

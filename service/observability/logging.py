"""Log lines on standard error: a JSON object each, or text for a person at a terminal."""

import logging
import sys
from typing import Literal

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, Processor, WrappedLogger

from service.observability.log_writer import LogWriter
from service.observability.tracing import trace_ids, tracing_is_asked_for
from service.request_context import request_context

LogFormat = Literal["json", "text"]


def configure_logging(level: str, log_format: LogFormat, lines: LogWriter | None = None) -> None:
    """Log everything from `level` up; the web server's own messages and warnings too.

    lines: what takes the lines; without it they are written at once.
    """
    rendering: list[Processor] = [console_renderer()]
    if log_format == "json":
        rendering = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler() if lines is None else _Handler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                _with_request_id,
                *shared_processors(),
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
    written.
    """

    def __init__(self, lines: LogWriter) -> None:
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


def shared_processors() -> list[Processor]:
    """Processors for every line: the time stamp and, with tracing, the trace ids."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [_with_trace, stamp] if tracing_is_asked_for() else [stamp]


def console_renderer() -> ConsoleRenderer:
    """The renderer of text lines; with colours at a terminal."""
    # plain_traceback, since the others show what local variables hold.
    return ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain_traceback)


def _with_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request = request_context.get()
    if request.id != "-":
        event["request_id"] = request.id
    return event


def _with_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.update(trace_ids())
    return event

"""OpenTelemetry spans, when the standard variables name a collector and the extra is installed.

FastAPI makes the spans, as children of the client's (`traceparent`); here they are switched on.
"""

import logging
import os
from collections.abc import Mapping
from threading import Thread
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider

logger = logging.getLogger(__name__)

LAST_SPANS_SECONDS = 2.0
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def tracing_is_enabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the standard variables name a collector, and do not say off."""
    return (
        any(environment.get(name) for name in ENDPOINTS)
        and environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() != "none"
        and environment.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
    )


def tracer_to_collector() -> "TracerProvider | None":
    """What sends spans to the collector the environment names; None without one, or, said in the
    log, without the extra.
    """
    if not tracing_is_enabled():
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning("tracing_unavailable", extra={"fix": "pip install 'malignancy[tracing]'"})
        return None
    os.environ.setdefault("OTEL_SERVICE_NAME", "malignancy")
    provider = TracerProvider(shutdown_on_exit=False)  # by `end_tracing`
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def end_tracing(provider: "TracerProvider") -> None:
    """Send the last spans, unless the collector takes too long: it must not hold up the end."""
    sending = Thread(target=provider.shutdown, name="last spans", daemon=True)
    sending.start()
    sending.join(LAST_SPANS_SECONDS)
    if sending.is_alive():
        logger.warning("spans_lost", extra={"timeout_seconds": LAST_SPANS_SECONDS})


def telemetry_config(provider: "TracerProvider | None") -> TelemetryConfig:
    """What FastAPI is to trace: requests but health checks; without a provider nothing at all."""
    if provider is not None:
        provider.add_span_processor(_WithoutQuery())
    return {
        "tracer_provider": provider,
        "tracing": provider is not None,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": lambda scope: scope["path"].startswith("/health"),
    }


def trace_ids() -> dict[str, str]:
    """What a log line needs to be found from its span, and the other way round."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


class _WithoutQuery:
    """A span processor that blackens the query: a client may have put anything there."""

    def on_start(self, span: "Span", parent_context: "Context | None" = None) -> None:  # noqa: ARG002
        if span.attributes and "url.query" in span.attributes:
            span.set_attribute("url.query", "REDACTED")

    def _on_ending(self, span: "Span") -> None: ...

    def on_end(self, span: "ReadableSpan") -> None: ...

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        return True

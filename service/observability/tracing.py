"""OpenTelemetry tracing, enabled by the standard OTEL_* variables and the extra `tracing`.

FastAPI creates the spans, as children of the client's span (header `traceparent`). This module
configures where they are sent.
"""

import logging
import os
from collections.abc import Mapping
from threading import Thread
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace

from service.health_checks import is_health_check
from service.settings import VariableError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 2.0  # fixed
SUBJECTS = "/subjects/"  # the paths below it have the name of a subject
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SERVICE_NAME = "malignancy"  # unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES has another one


def tracing_is_enabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Return True if a collector endpoint is set and tracing is not disabled by a variable."""
    return (
        any(environment.get(name) for name in ENDPOINTS)
        and environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() != "none"
        and environment.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
    )


def check_protocol(environment: Mapping[str, str] = os.environ) -> None:
    """Check that the protocol of the environment is the supported one, if tracing is enabled.

    Args:
        environment: Environment variables.

    Raises:
        VariableError: The protocol is gRPC or JSON.
    """
    variable = next((name for name in PROTOCOLS if environment.get(name)), None)
    if (
        variable
        and tracing_is_enabled(environment)
        and environment[variable].strip().lower() != "http/protobuf"
    ):
        rule = (
            "must be http/protobuf, the only supported protocol; the HTTP port of a collector is "
            "4318, where 4317 is that of gRPC"
        )
        raise VariableError(variable, rule)


def create_tracer_provider() -> "TracerProvider | None":
    """Create a provider that sends spans to the collector of the environment.

    Returns:
        The provider; None if tracing is not enabled, or if the extra `tracing` is not installed,
        which is logged.
    """
    if not tracing_is_enabled():
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning("tracing_unavailable", extra={"fix": "pip install 'malignancy[tracing]'"})
        return None
    resource = Resource.create()  # from the variables
    if str(resource.attributes["service.name"]).startswith("unknown_service"):  # the SDK's default
        resource = resource.merge(Resource({"service.name": SERVICE_NAME}))
    # `shut_down_tracing` shuts it down.
    provider = TracerProvider(shutdown_on_exit=False, resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def shut_down_tracing(provider: "TracerProvider") -> None:
    """Send the last spans, for at most `SHUTDOWN_SECONDS`, and log if they are lost.

    A collector that does not answer must not delay the end of the process.
    """
    thread = Thread(target=provider.shutdown, name="last spans", daemon=True)
    thread.start()
    thread.join(SHUTDOWN_SECONDS)
    if thread.is_alive():
        logger.warning("spans_lost", extra={"timeout_seconds": SHUTDOWN_SECONDS})


def telemetry_config(provider: "TracerProvider | None") -> TelemetryConfig:
    """Return FastAPI's configuration: spans for requests except health checks.

    Without a provider, nothing is traced.
    """
    if provider is not None:
        provider.add_span_processor(_QueryRedactor())
    return {
        "tracer_provider": provider,
        "tracing": provider is not None,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": lambda scope: is_health_check(scope["path"]),
    }


def trace_ids() -> dict[str, str]:
    """Return the ids of the current span for a log line; empty without a span."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


class _QueryRedactor:
    """Span processor that redacts what a client may put into a URL: the query, and subjects."""

    def on_start(self, span: "Span", parent_context: "Context | None" = None) -> None:  # noqa: ARG002
        if span.attributes and "url.query" in span.attributes:
            span.set_attribute("url.query", "REDACTED")
        path = (span.attributes or {}).get("url.path")
        if isinstance(path, str) and SUBJECTS in path:
            span.set_attribute("url.path", f"{path.partition(SUBJECTS)[0]}{SUBJECTS}REDACTED")

    def _on_ending(self, span: "Span") -> None: ...

    def on_end(self, span: "ReadableSpan") -> None: ...

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        return True

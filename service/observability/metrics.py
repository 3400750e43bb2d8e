"""Counters, gauges and histograms of the service, in prometheus_client's types."""

import os
from collections.abc import Callable, Mapping, Set
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from model.prediction.predictor import Predictor
from service.background import FAILURES
from service.registry.model_version import CountLabels

PREFIX = "malignancy"
UNMATCHED = "unmatched"  # the route of all unknown paths, which would be unbounded as label values
PREDICTIONS = f"{PREFIX}_predictions"
# Folder in which worker processes store their metrics, so that each can report the sum.
# prometheus_client reads the variable at import.
SHARED_FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
BUCKETS_SECONDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_REASONS = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "too_slow",
    413: "too_large",
    414: "target_too_long",
    415: "unsupported_media_type",
    417: "expectation_failed",
    421: "misdirected",
    422: "invalid",
    429: "too_many",
    431: "head_too_large",
    499: "client_left",
    500: "unexpected_error",
    503: "not_ready",
    507: "no_room",
}


class Telemetry:
    """Metrics of one app in a separate registry.

    The number of series is bounded: label values are route templates, statuses, model titles and
    predicted labels.

    Attributes:
        registry: prometheus_client registry of the metrics.
        started: Function to call at the start of a request.
        log_line_dropped: Function to call for each dropped log line.
        memory_charged: Function to call with the charged bytes of memory.
        spools_charged: Function to call with the charged bytes of temporary files.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"namespace": PREFIX, "registry": self.registry}
        self._requests = Counter(
            "requests", "Answered requests by route and status.", ("route", "status"), **options
        )
        self._errors = Counter(
            "refused_requests",
            "Requests answered with an error, by route and reason.",
            ("route", "reason"),
            **options,
        )
        self._seconds = Histogram(
            "request_duration_seconds",
            "Time from the arrival of a request to the end of its response, by route.",
            ("route",),
            buckets=BUCKETS_SECONDS,
            **options,
        )
        # With several workers, the sum over the running processes.
        self._in_flight = Gauge(
            "requests_in_flight",
            "Requests in progress.",
            multiprocess_mode="livesum",
            **options,
        )
        self._predictions = Counter(
            "predictions",
            "Predicted rows by model and predicted label; the label is empty for a regression.",
            ("model", "label"),
            **options,
        )
        self._reloads = Counter(
            "model_reloads",
            "Reloads of changed artifacts by model name and result, ok or failed.",
            ("model", "result"),
            **options,
        )
        dropped = Counter(
            "log_lines_dropped", "Log lines dropped because the buffer was full.", **options
        )
        self.log_line_dropped: Callable[[], None] = dropped.inc
        self.memory_charged: Callable[[float], None] = Gauge(
            "memory_charged_bytes",
            "Memory charged for requests: received, parsed and unsent bytes.",
            multiprocess_mode="livesum",
            **options,
        ).set
        self.spools_charged: Callable[[float], None] = Gauge(
            "spool_charged_bytes",
            "Bytes of answers in temporary files.",
            multiprocess_mode="livesum",
            **options,
        ).set
        self.registry.register(FAILURES)
        if not SHARED_FOLDER:  # memory and CPU time of one process are not those of all workers
            ProcessCollector(registry=self.registry)
        self._overloaded: tuple[Counter, ...] = ()
        self.started = self._in_flight.inc
        self._routes: dict[str, _RouteMetrics] = {}

    def finished(self, route: str, status: int, seconds: float) -> None:
        """Record the end of a request that was `started`.

        Args:
            route: Route template, never a path.
            status: HTTP status of the response.
            seconds: Duration of the request.
        """
        self._in_flight.dec()
        metrics = self._routes.get(route)
        if metrics is None:
            metrics = self._routes[route] = _RouteMetrics(self._seconds.labels(route))
        metrics.seconds.observe(seconds)
        counters = metrics.counters.get(status)
        if counters is None:
            counters = metrics.counters[status] = self._counters(route, status)
        for counter in counters:
            counter.inc()

    def rejected(self, requests: int) -> None:
        """Count requests that were rejected with 503 before they were `started`."""
        if not self._overloaded:
            self._overloaded = (
                self._requests.labels(UNMATCHED, 503),
                self._errors.labels(UNMATCHED, "overloaded"),
            )
        for counter in self._overloaded:
            counter.inc(requests)

    def label_counter(self, predictor: Predictor) -> CountLabels:
        """Return a function that counts the predicted rows of a model by label."""
        title = predictor.title
        counters: dict[str, Counter] = {}

        def count(labels: Mapping[str, int]) -> None:
            for label, rows in labels.items():
                counter = counters.get(label)
                if counter is None:
                    counter = counters[label] = self._predictions.labels(title, label)
                counter.inc(rows)

        return count

    def reloaded(self, name: str, succeeded: bool) -> None:
        """Count a reload of a model.

        Args:
            name: Model name.
            succeeded: True if the changed artifact could be loaded.
        """
        self._reloads.labels(name, "ok" if succeeded else "failed").inc()

    def remove_other_titles(self, titles: Set[str]) -> None:
        """Remove the series of all model versions but these titles."""
        if SHARED_FOLDER:
            return  # prometheus_client cannot remove a series from a file
        samples = (each for metric in self._predictions.collect() for each in metric.samples)
        for title in {each.labels["model"] for each in samples} - titles:
            self._predictions.remove_by_labels({"model": title})

    def _counters(self, route: str, status: int) -> tuple[Counter, ...]:
        counters = (self._requests.labels(route, status),)
        if status < 400:
            return counters
        return *counters, self._errors.labels(route, _REASONS.get(status, "other"))


class _RouteMetrics:
    """Labelled metrics of one route, so that a request needs no lookup of labels."""

    __slots__ = ("counters", "seconds")

    def __init__(self, seconds: Histogram) -> None:
        self.seconds = seconds
        self.counters: dict[int, tuple[Counter, ...]] = {}

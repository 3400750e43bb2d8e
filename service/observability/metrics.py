"""Counters, gauges and histograms of the service."""

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from model.prediction.predictor import Predictor
from service.background import FAILURES
from service.observability.metric_families import (
    ANSWERS,
    BUCKETS_SECONDS,
    DURATIONS,
    FEEDBACK,
    IN_FLIGHT,
    PREDICTIONS,
    PREFIX,
    REQUESTS,
    metric_families,
)
from service.observability.number_store import Numbers, NumberStore
from service.observability.store_metrics import StoreMetrics, StoreState
from service.registry.model_version import CountLabels

UNMATCHED = "unmatched"  # the route of all unknown paths, which would be unbounded as label values
# Folder in which worker processes store their metrics, so that each can report the sum.
# prometheus_client reads the variable at import.
SHARED_FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
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


@dataclass(slots=True)
class ModelStatistics:
    """What a model has predicted since the service started.

    Attributes:
        requests: Number of answered requests.
        seconds: Sum of their durations.
        rows: Number of predicted rows.
    """

    requests: int = 0
    seconds: float = 0.0
    rows: int = 0


class Telemetry(Collector):
    """Metrics of one app in a separate registry.

    The number of series is bounded: label values are route templates, statuses, model titles and
    predicted labels. Requests and predictions are counted in the event loop, without a lock.

    Attributes:
        registry: prometheus_client registry of the metrics.
        log_line_dropped: Function to call for each dropped log line.
        shadow_scored: Function to call with the number of rows that a shadow version has predicted.
        memory_charged: Function to call with the charged bytes of memory.
        spools_charged: Function to call with the charged bytes of temporary files.
        store: Metrics of the store; None without one.
    """

    def __init__(self) -> None:
        self._store = NumberStore(Path(SHARED_FOLDER) if SHARED_FOLDER else None, {IN_FLIGHT})
        self._in_flight = self._store.numbers(IN_FLIGHT)
        self._series: dict[tuple[str, int, str], tuple[Numbers, Numbers, Numbers]] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)
        options: dict[str, Any] = {"namespace": PREFIX, "registry": self.registry}
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
        self.store: StoreMetrics | None = None
        self.shadow_scored: Callable[[int], None] = Counter(
            "shadow_rows", "Rows that shadow versions have predicted for the store.", **options
        ).inc
        self._shadow_dropped = Counter(
            "shadow_dropped",
            "Answered rows without a prediction of the shadow version, by reason.",
            ("reason",),
            **options,
        )
        self.registry.register(FAILURES)
        if not SHARED_FOLDER:  # otherwise `process_metrics` has the sum of all processes
            ProcessCollector(registry=self.registry)

    def started(self) -> None:
        """Record the start of a request."""
        self._in_flight[0] += 1

    def withdrawn(self) -> None:
        """Take back `started`, for a request that starts again."""
        self._in_flight[0] -= 1

    def finished(self, route: str, status: int, seconds: float, model: str = "") -> None:
        """Record the end of a request that was `started`.

        Args:
            route: Route template, never a path.
            status: HTTP status of the response.
            seconds: Duration of the request.
            model: Title of the model that predicted; empty if none did.
        """
        self._in_flight[0] -= 1
        try:
            requests, durations, answers = self._series[route, status, model]
        except KeyError:
            requests, durations, answers = self._add_series(route, status, model)
        requests[0] += 1
        durations[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        durations[-1] += seconds
        answers[0] += 1
        answers[1] += seconds

    def _add_series(self, route: str, status: int, model: str) -> tuple[Numbers, Numbers, Numbers]:
        reason = _REASONS.get(status, "other") if status >= 400 else ""
        series = self._series[route, status, model] = (
            self._store.numbers((REQUESTS, route, str(status), reason)),
            self._store.numbers((DURATIONS, route), len(BUCKETS_SECONDS) + 2),
            self._store.numbers((ANSWERS, model), 2) if model else [0, 0],
        )
        return series

    def rejected(self, requests: int) -> None:
        """Count requests that were rejected with 503 before they were `started`."""
        self._store.numbers((REQUESTS, UNMATCHED, "503", "overloaded"))[0] += requests

    def shadow_dropped(self, reason: str, rows: int) -> None:
        """Count answered rows that a shadow version has not predicted.

        Args:
            reason: One of a fixed number of reasons.
            rows: The number of rows.
        """
        self._shadow_dropped.labels(reason).inc(rows)

    def label_counter(self, predictor: Predictor) -> CountLabels:
        """Return a function that counts the predicted rows of a model by label."""
        title = predictor.title
        counts: dict[str, Numbers] = {}

        def count(labels: Mapping[str, int]) -> None:
            for label, rows in labels.items():
                numbers = counts.get(label)
                if numbers is None:
                    numbers = counts[label] = self._store.numbers((PREDICTIONS, title, label))
                numbers[0] += rows

        return count

    def observe_store(self, state: Callable[[], StoreState]) -> StoreMetrics:
        """Add the metrics of the store.

        Args:
            state: Returns the state of the store in this process.
        """
        self.store = StoreMetrics(self.registry, state)
        return self.store

    def feedback(self, predicted: str, truth: str, rows: int) -> None:
        """Count recorded truths.

        Args:
            predicted: The predicted label; "" for targets without single labels.
            truth: The true label; "" likewise.
            rows: Number of truths.
        """
        self._store.numbers((FEEDBACK, predicted, truth))[0] += rows

    def reloaded(self, name: str, succeeded: bool) -> None:
        """Count a reload of a model.

        Args:
            name: Model name.
            succeeded: True if the changed artifact could be loaded.
        """
        self._reloads.labels(name, "ok" if succeeded else "failed").inc()

    def remove_other_titles(self, titles: Set[str]) -> None:
        """Remove the series of all model versions but these titles."""
        self._store.remove(lambda key: key[0] in (PREDICTIONS, ANSWERS) and key[1] not in titles)
        series = self._series.copy().items()
        self._series = {key: value for key, value in series if key[2] in titles or not key[2]}

    def statistics(self) -> dict[str, ModelStatistics]:
        """Return the statistics of models by title, summed over all workers."""
        statistics: defaultdict[str, ModelStatistics] = defaultdict(ModelStatistics)
        for (kind, *labels), numbers in self._store.totals().items():
            if kind == ANSWERS:
                statistics[labels[0]].requests += int(numbers[0])
                statistics[labels[0]].seconds += numbers[1]
            elif kind == PREDICTIONS:
                statistics[labels[0]].rows += int(numbers[0])
        return statistics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of requests and predictions, summed over all workers."""
        return metric_families(self._store.totals(), has_store=self.store is not None)

"""What the service counts and times while it serves, in prometheus_client's metrics."""

import os
from collections.abc import Callable, Mapping, Set
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from model.prediction.predictor import Predictor
from service.registry.model_version import CountLabels

PREFIX = "malignancy"
UNMATCHED = "unmatched"  # the route of all paths that are nobody's: their own would have no end
PREDICTIONS = f"{PREFIX}_predictions"
# Where worker processes put their metrics, for each of them to tell the sum. prometheus_client
# reads it when it is imported.
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
    """The metrics of one app, in a registry of its own.

    Every label has few values: templates of routes, statuses, titles and labels of models.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        told: dict[str, Any] = {"namespace": PREFIX, "registry": self.registry}
        self._requests = Counter(
            "requests", "Requests answered, by route and status.", ("route", "status"), **told
        )
        self._refused = Counter(
            "refused_requests",
            "Requests answered with an error, by route and reason.",
            ("route", "reason"),
            **told,
        )
        self._seconds = Histogram(
            "request_duration_seconds",
            "From a request's arrival to the end of its answer, by route.",
            ("route",),
            buckets=BUCKETS_SECONDS,
            **told,
        )
        # Of worker processes, those that live are added up.
        self._in_flight = Gauge(
            "requests_in_flight",
            "Requests that are being answered.",
            multiprocess_mode="livesum",
            **told,
        )
        self._predictions = Counter(
            "predictions",
            "Rows answered, by model and predicted label; of numbers without a label.",
            ("model", "label"),
            **told,
        )
        self._reloads = Counter(
            "model_reloads",
            "Looks at a model's changed files, by the model's name and whether they were taken.",
            ("model", "result"),
            **told,
        )
        dropped = Counter(
            "log_lines_dropped", "Log lines that were dropped, as nobody read them.", **told
        )
        self.log_line_dropped: Callable[[], None] = dropped.inc
        if not SHARED_FOLDER:  # several processes have no one size
            ProcessCollector(registry=self.registry)
        self._overloaded: tuple[Counter, ...] = ()
        self.started = self._in_flight.inc
        self._routes: dict[str, _Route] = {}

    def finished(self, route: str, status: int, seconds: float) -> None:
        """A request that was `started` is over; route: a template, never a path."""
        self._in_flight.dec()
        of = self._routes.get(route)
        if of is None:
            of = self._routes[route] = _Route(self._seconds.labels(route))
        of.seconds.observe(seconds)
        counters = of.counters.get(status)
        if counters is None:
            counters = of.counters[status] = self._counters(route, status)
        for counter in counters:
            counter.inc()

    def refused(self, requests: int) -> None:
        """So many were refused before they began, and so were never `started`."""
        if not self._overloaded:
            self._overloaded = (
                self._requests.labels(UNMATCHED, 503),
                self._refused.labels(UNMATCHED, "overloaded"),
            )
        for counter in self._overloaded:
            counter.inc(requests)

    def counting(self, predictor: Predictor) -> CountLabels:
        """What counts the answered rows of this model by their label."""
        title = predictor.title
        counters: dict[str, Counter] = {}

        def count(labels: Mapping[str, int]) -> None:
            for label, rows in labels.items():
                counter = counters.get(label)
                if counter is None:
                    counter = counters[label] = self._predictions.labels(title, label)
                counter.inc(rows)

        return count

    def reloaded(self, name: str, taken: bool) -> None:
        """A model was asked to take over what has changed."""
        self._reloads.labels(name, "ok" if taken else "failed").inc()

    def forget_all_but(self, titles: Set[str]) -> None:
        """Drop the series of versions that are not loaded any more."""
        if SHARED_FOLDER:
            return  # a file has no way to forget
        samples = (each for metric in self._predictions.collect() for each in metric.samples)
        for title in {each.labels["model"] for each in samples} - titles:
            self._predictions.remove_by_labels({"model": title})

    def _counters(self, route: str, status: int) -> tuple[Counter, ...]:
        counters = (self._requests.labels(route, status),)
        if status < 400:
            return counters
        return *counters, self._refused.labels(route, _REASONS.get(status, "other"))


class _Route:
    """What is counted of one route, looked up once."""

    __slots__ = ("counters", "seconds")

    def __init__(self, seconds: Histogram) -> None:
        self.seconds = seconds
        self.counters: dict[int, tuple[Counter, ...]] = {}

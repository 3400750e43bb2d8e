"""Tests of service.observability.metric_families: the text of prometheus_client's own metrics."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from service.observability.exposition import OPENMETRICS, PLAIN, Format
from service.observability.metrics import Telemetry

BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

routes = st.sampled_from(["/predict", "/models/{name}/predict", "unmatched", 'a"\n\\b'])
statuses = st.sampled_from([200, 204, 304, 400, 418, 422, 499, 502, 503])
seconds = st.floats(0, 20) | st.sampled_from(BUCKETS)
labels = st.dictionaries(
    st.sampled_from(["benign", "malignant", "", 'a"\n\\b']), st.integers(0, 99)
)
events = st.lists(
    st.tuples(st.just("started"))
    | st.tuples(st.just("finished"), routes, statuses, seconds)
    | st.tuples(st.just("rejected"), st.integers(1, 1000))
    | st.tuples(st.just("predicted"), st.sampled_from(["a@1", "b@2"]), labels)
    | st.tuples(st.just("reloaded"), st.sets(st.sampled_from(["a@1", "b@2"]))),
    max_size=60,
)


class Reference(Collector):
    """The metrics in prometheus_client's types."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "malignancy_requests",
            "Answered requests by route and status.",
            ("route", "status"),
            registry=None,
        )
        self.errors = Counter(
            "malignancy_refused_requests",
            "Requests answered with an error, by route and reason.",
            ("route", "reason"),
            registry=None,
        )
        self.durations = Histogram(
            "malignancy_request_duration_seconds",
            "Time from the arrival of a request to the end of its response, by route.",
            ("route",),
            buckets=BUCKETS,
            registry=None,
        )
        self.in_flight = Gauge(
            "malignancy_requests_in_flight", "Requests in progress.", registry=None
        )
        self.predictions = Counter(
            "malignancy_predictions",
            "Predicted rows by model and predicted label; the label is empty for a regression.",
            ("model", "label"),
            registry=None,
        )

    def started(self) -> None:
        self.in_flight.inc()

    def finished(self, route: str, status: int, seconds: float) -> None:
        self.in_flight.dec()
        self.durations.labels(route).observe(seconds)
        self.requests.labels(route, status).inc()
        if status >= 400:
            reasons = {400: "malformed", 422: "invalid", 499: "client_left", 503: "not_ready"}
            self.errors.labels(route, reasons.get(status, "other")).inc()

    def rejected(self, requests: int) -> None:
        self.requests.labels("unmatched", 503).inc(requests)
        self.errors.labels("unmatched", "overloaded").inc(requests)

    def predicted(self, title: str, rows: dict[str, int]) -> None:
        for label, count in rows.items():
            self.predictions.labels(title, label).inc(count)

    def reloaded(self, titles: set[str]) -> None:
        for title in {"a@1", "b@2"} - titles:
            self.predictions.remove_by_labels({"model": title})

    def collect(self) -> Iterable[Metric]:
        for each in (self.requests, self.errors, self.durations, self.in_flight, self.predictions):
            for metric in each.collect():
                metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
                yield metric


class Recorded(Collector):
    """The metrics of a `Telemetry`, with the methods of the reference."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()
        self.started, self.finished = self.telemetry.started, self.telemetry.finished
        self.rejected, self.reloaded = self.telemetry.rejected, self.telemetry.remove_other_titles

    def collect(self) -> Iterable[Metric]:
        return self.telemetry.collect()

    def predicted(self, title: str, rows: dict[str, int]) -> None:
        self.telemetry.label_counter(SimpleNamespace(title=title))(rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("format_", [PLAIN, OPENMETRICS])
@given(events)
def test_the_text_is_that_of_prometheus_clients_types(
    format_: Format, recorded_events: list[tuple[str, ...]]
) -> None:
    recorded, reference = Recorded(), Reference()
    for name, *arguments in recorded_events:
        for each in (recorded, reference):
            method: Callable[..., None] = getattr(each, name)
            method(*arguments)
    assert format_.write(recorded) == format_.write(reference)

"""Metric families of requests and predictions, from plain numbers."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from service.observability.number_file import Key

PREFIX: Final = "malignancy"

# Keys of the numbers begin with one of these, labels follow.
REQUESTS: Final = "requests"  # route, status, reason of an error or ""; 1 number
DURATIONS: Final = "durations"  # route; requests in each bucket, and the sum of their seconds
PREDICTIONS: Final = "predictions"  # title of the model, label; 1 number
ANSWERS: Final = "answers"  # title of the model that predicted; requests, and their seconds
FEEDBACK: Final = "feedback"  # predicted label, true label; 1 number
IN_FLIGHT: Final = ("in_flight",)

BUCKETS_SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_BOUNDS: Final = (*map(str, BUCKETS_SECONDS), "+Inf")


def metric_families(
    totals: Mapping[Key, Sequence[float]], *, has_store: bool = False
) -> list[Metric]:
    """Return the metric families with a series for each combination of labels.

    Args:
        totals: Numbers by key, in the order of the series.
        has_store: Whether there is a store, which has truths.
    """
    requests = CounterMetricFamily(
        f"{PREFIX}_requests",
        "Answered requests by route and status.",
        labels=("route", "status"),
    )
    errors = CounterMetricFamily(
        f"{PREFIX}_refused_requests",
        "Requests answered with an error, by route and reason.",
        labels=("route", "reason"),
    )
    durations = HistogramMetricFamily(
        f"{PREFIX}_request_duration_seconds",
        "Time from the arrival of a request to the end of its response, by route.",
        labels=("route",),
    )
    in_flight = GaugeMetricFamily(
        f"{PREFIX}_requests_in_flight",
        "Requests in progress.",
        value=totals[IN_FLIGHT][0],
    )
    predictions = CounterMetricFamily(
        f"{PREFIX}_predictions",
        "Predicted rows by model and predicted label; the label is empty for a regression.",
        labels=("model", "label"),
    )
    feedback = CounterMetricFamily(
        f"{PREFIX}_feedback",
        "Truths that were recorded, by predicted and true label; both are empty for other targets.",
        labels=("predicted", "truth"),
    )
    by_status: dict[tuple[str, str], float] = {}
    by_reason: dict[tuple[str, str], float] = {}
    for (kind, *labels), numbers in totals.items():
        if kind == REQUESTS:
            route, status, reason = labels
            by_status[route, status] = by_status.get((route, status), 0) + numbers[0]
            if reason:
                by_reason[route, reason] = by_reason.get((route, reason), 0) + numbers[0]
        elif kind == DURATIONS:
            *counts, seconds = numbers
            buckets = list(zip(_BOUNDS, accumulate(counts), strict=True))
            durations.add_metric(labels, buckets, seconds)
        elif kind == PREDICTIONS:
            predictions.add_metric(labels, numbers[0])
        elif kind == FEEDBACK:
            feedback.add_metric(labels, numbers[0])
    for family, series in ((requests, by_status), (errors, by_reason)):
        for values, count in series.items():
            family.add_metric(values, count)
    families: list[Metric] = [requests, errors, durations, in_flight, predictions]
    return [*families, feedback] if has_store else families

"""The counter of failures of background tasks, which is the process's own."""

from service.background import FAILURES


def failures(task: str) -> float:
    """Return how many failures of a background task were counted so far."""
    (metric,) = FAILURES.collect()
    return sum(
        each.value
        for each in metric.samples
        if each.labels["task"] == task and each.name.endswith("_total")
    )

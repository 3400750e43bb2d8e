"""Tests of service.observability.store_metrics: what Prometheus and health checks see."""

from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from service.observability.store_metrics import DEGRADED_SECONDS, StoreMetrics

pytestmark = pytest.mark.anyio


@dataclass
class State:
    """A state that a test changes."""

    lag_seconds: float = 0.0
    dropped: int = 0
    is_failing: bool = False


def values(registry: CollectorRegistry) -> list[float | None]:
    names = ("dropped_total", "lag_seconds", "failing")
    return [registry.get_sample_value(f"malignancy_store_{name}") for name in names]


async def test_the_last_state_is_published() -> None:
    state, registry = State(), CollectorRegistry()
    metrics = StoreMetrics(registry, lambda: state)
    async with metrics.publishing():
        state.dropped, state.lag_seconds = 3, 1.5
        metrics.publish()
        assert values(registry) == [3.0, 1.5, 0.0]
        state.dropped, state.is_failing = 5, True
    assert values(registry) == [5.0, 1.5, 1.0]
    metrics.publish()
    assert values(registry) == [5.0, 1.5, 1.0]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State(), "ok"),
        (State(dropped=7), "ok"),  # which may be long ago
        (State(lag_seconds=DEGRADED_SECONDS), "ok"),
        (State(lag_seconds=DEGRADED_SECONDS + 0.1), "degraded"),
        (State(is_failing=True), "degraded"),
    ],
)
def test_health_is_degraded_while_rows_wait_or_writing_fails(state: State, status: str) -> None:
    health = StoreMetrics(CollectorRegistry(), lambda: state).health()
    assert health == {
        "status": status,
        "lag_seconds": round(state.lag_seconds, 3),
        "dropped": state.dropped,
    }

"""Metrics of the store of predictions, as the worker processes see it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from service.observability.metric_families import PREFIX

PUBLISH_SECONDS: Final = 1.0  # between two updates of what other workers see; fixed
DEGRADED_SECONDS: Final = 5.0  # age of the oldest row that waits, from which health is degraded


class StoreState(Protocol):
    """State of the store as one process sees it (see `service.store.writer.StoreStatus`)."""

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest row that is not written yet."""

    @property
    def dropped(self) -> int:
        """Number of rows that were lost."""

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to write has failed."""


class StoreMetrics:
    """Gauges and counters of the store: rows lost by all workers, and the worst lag of them.

    Args:
        registry: The registry of the service's metrics.
        state: Returns the state of this process.
    """

    def __init__(self, registry: CollectorRegistry, state: Callable[[], StoreState]) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._published = 0
        options: dict[str, Any] = {"namespace": PREFIX, "registry": registry}
        self._dropped = Counter(
            "store_dropped", "Rows of answers that the store has lost.", **options
        )
        self._lag = Gauge(
            "store_lag_seconds",
            "Age of the oldest row that is not written to the store; the worst of all workers.",
            multiprocess_mode="livemax",
            **options,
        )
        self._failing = Gauge(
            "store_failing",
            "1 while a worker cannot write to the store, else 0.",
            multiprocess_mode="livemax",
            **options,
        )

    def publish(self) -> None:
        """Update the metrics of this process."""
        with self._lock:
            state = self._state()
            self._dropped.inc(state.dropped - self._published)
            self._published = state.dropped
            self._lag.set(state.lag_seconds)
            self._failing.set(state.is_failing)

    def health(self) -> dict[str, Any]:
        """Return the store's part of the answer of health checks."""
        state = self._state()
        degraded = state.is_failing or state.lag_seconds > DEGRADED_SECONDS
        return {
            "status": "degraded" if degraded else "ok",
            "lag_seconds": round(state.lag_seconds, 3),
            "dropped": state.dropped,
        }

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[None]:
        """Update the metrics each second within the context, and at its end."""

        async def publish_each_second() -> None:
            while True:
                self.publish()
                await asyncio.sleep(PUBLISH_SECONDS)

        task = asyncio.create_task(publish_each_second())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.publish()

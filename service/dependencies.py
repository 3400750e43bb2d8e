"""The parts of the service that its routes need."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client.metrics_core import Metric

from service.lifecycle import Lifecycle
from service.live.query import LiveQuery
from service.observability.metrics import Telemetry
from service.overload.limiter import WorkLimiter
from service.overload.memory import MemoryLedger
from service.registry.registry import ModelRegistry
from service.settings import Settings

if TYPE_CHECKING:
    from service.store.store import Store


class LiveFigures(Protocol):
    """Figures of the rows in the store."""

    def answer(self, name: str, query: LiveQuery) -> dict[str, Any]:
        """Return the answer of GET /models/{name}/live.

        Args:
            name: Name of a model in service.
            query: The window.

        Raises:
            Problem: The store cannot be read now (503).
        """


class Gauges(Protocol):
    """Further gauges for Prometheus."""

    def collect(self) -> Iterable[Metric]:
        """Return the gauges as they were last computed."""


@dataclass(frozen=True)
class Dependencies:
    """The parts of the service, created once by `create_app`.

    Attributes:
        settings: Settings of the service.
        models: The models in service.
        limiter: Threads for large bodies.
        spools: Ledger of answers in temporary files.
        telemetry: Metrics of requests and predictions.
        lifecycle: Phase of this process.
        version: Version of the service.
        store: The store of predictions; None without one.
        live: Live figures; None without a store.
        gauges: Gauges of the live figures; None without a store.
    """

    settings: Settings
    models: ModelRegistry
    limiter: WorkLimiter
    spools: MemoryLedger
    telemetry: Telemetry
    lifecycle: Lifecycle
    version: str
    store: "Store | None" = None
    live: LiveFigures | None = None
    gauges: Gauges | None = None

"""The parts of the service that its routes need."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.lifecycle import Lifecycle
from service.observability.metrics import Telemetry
from service.overload.limiter import WorkLimiter
from service.overload.memory import MemoryLedger
from service.registry.registry import ModelRegistry
from service.settings import Settings

if TYPE_CHECKING:
    from service.store.store import Store


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
    """

    settings: Settings
    models: ModelRegistry
    limiter: WorkLimiter
    spools: MemoryLedger
    telemetry: Telemetry
    lifecycle: Lifecycle
    version: str
    store: "Store | None" = None

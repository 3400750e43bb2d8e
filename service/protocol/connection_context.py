"""What the connections of one process share."""

from collections.abc import Callable

from service.lifecycle import Lifecycle
from service.overload.admission import Admission
from service.overload.memory import MemoryLedger
from service.protocol.allowed_hosts import AllowedHosts
from service.protocol.open_connections import OpenConnections
from service.protocol.timeouts import DeadlineTimer
from service.settings import Settings


class ConnectionContext:
    """State that the connections of one process share.

    Args:
        settings: The settings of the service.
        lifecycle: The lifecycle of the process.
        count_rejected: Counts requests that are rejected without calling the application.
        memory: The ledger that received bytes are charged to.
    """

    def __init__(
        self,
        settings: Settings,
        lifecycle: Lifecycle,
        count_rejected: Callable[[int], None],
        memory: MemoryLedger,
    ) -> None:
        self.settings = settings
        self.lifecycle = lifecycle
        self.count_rejected = count_rejected
        self.memory = memory
        self.allowed_hosts = AllowedHosts(settings.hosts)
        self.deadline_timer = DeadlineTimer()
        self.admission = Admission()
        self.connections = OpenConnections(
            settings.max_connections, settings.max_connections_per_address
        )

"""What the connections of one process share."""

from collections.abc import Callable

from service.lifecycle import Lifecycle
from service.overload.admission import Admission
from service.overload.memory import MemoryLedger
from service.protocol.allowed_hosts import AllowedHosts
from service.protocol.direct_requests import FindHandler
from service.protocol.known_heads import KnownHeads
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
        find_handler: Finds the handler of a request that bypasses ASGI.
    """

    def __init__(
        self,
        settings: Settings,
        lifecycle: Lifecycle,
        count_rejected: Callable[[int], None],
        memory: MemoryLedger,
        find_handler: FindHandler = lambda _: None,
    ) -> None:
        self.settings = settings
        self.lifecycle = lifecycle
        self.count_rejected = count_rejected
        self.memory = memory
        self.find_handler = find_handler
        self.root_path = (settings.root_path or "").encode()
        self.known_heads = KnownHeads()
        self.allowed_hosts = AllowedHosts(settings.hosts)
        self.deadline_timer = DeadlineTimer()
        self.admission = Admission(self.root_path)
        self.connections = OpenConnections(
            settings.max_connections, settings.max_connections_per_address
        )

"""The open connections of a process: their limits, and which one makes room for a new one.

A connection that waits for its client (that is silent, or sends or reads slowly) costs the client
nothing. When there is no room, the connection closes that has waited longest, so slow clients
cannot keep out others. Beyond the limit, a small reserve of connections serves probes only.
"""

from collections import Counter
from enum import Enum
from typing import Final, Protocol

from service.overload.client_network import network_of

# Fixed values.
RESERVE: Final = 64  # connections beyond the maximum
DEFAULT_SHARE: Final = 0.8  # of the maximum, for the connections of one address


class Place(Enum):
    """Where a new connection is counted."""

    REGULAR = 0
    RESERVE = 1  # for probes
    NONE = 2


class OpenConnection(Protocol):
    """A connection that can make room for another one."""

    def awaits_client(self) -> bool:
        """Return True if the connection waits for its client, not the client for the service."""

    def evict(self) -> None:
        """Close the connection."""


class OpenConnections:
    """Counts connections, and orders those that lack a whole request by the time of waiting.

    Args:
        max_connections: Maximum number of connections, without the reserve.
        max_per_address: Maximum number of connections of one address, where an IPv6 network of 64
            bits counts as one; 0 for no limit, None for `DEFAULT_SHARE` of `max_connections`.
    """

    def __init__(self, max_connections: int, max_per_address: int | None) -> None:
        if max_per_address is None:
            max_per_address = max(1, int(DEFAULT_SHARE * max_connections))
        self._max_connections = max_connections
        self._max_per_network = max_per_address or max_connections
        self._regular: dict[OpenConnection, str] = {}  # with their networks
        self._reserve: set[OpenConnection] = set()
        self._by_network: Counter[str] = Counter()
        # The connections that may wait for their clients, the one that has waited longest first.
        self._waiting: dict[OpenConnection, None] = {}

    def __len__(self) -> int:
        return len(self._regular) + len(self._reserve)

    def add(self, connection: OpenConnection, address: str) -> Place:
        """Count a new connection, which waits for its client; evict another one if necessary.

        Args:
            connection: The new connection.
            address: The client's IP address; empty for a Unix socket.

        Returns:
            Where the connection is counted: NONE if there is no room even in the reserve.
        """
        network = network_of(address)
        place = Place.REGULAR
        if self._by_network[network] >= self._max_per_network:
            if not self._evict(Place.REGULAR, network):
                place = Place.RESERVE
        elif len(self._regular) >= self._max_connections and not self._evict(Place.REGULAR):
            place = Place.RESERVE
        if place is Place.REGULAR:
            self._regular[connection] = network
            self._by_network[network] += 1
        elif len(self._reserve) < RESERVE or self._evict(Place.RESERVE):
            self._reserve.add(connection)
        else:
            return Place.NONE
        self._waiting[connection] = None
        return place

    def discard(self, connection: OpenConnection) -> None:
        """Forget a connection that is closed; does nothing if it is not counted."""
        self._waiting.pop(connection, None)
        self._reserve.discard(connection)
        network = self._regular.pop(connection, None)
        if network is not None:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    def wait(self, connection: OpenConnection) -> None:
        """Record that a connection waits for its client from now on."""
        if connection in self._regular or connection in self._reserve:
            self._waiting.pop(connection, None)
            self._waiting[connection] = None

    def proceed(self, connection: OpenConnection) -> None:
        """Record that a connection does not wait for its client: a whole request has arrived."""
        self._waiting.pop(connection, None)

    def _evict(self, place: Place, network: str | None = None) -> bool:
        """Close the connection that has waited longest.

        Args:
            place: Where the connection is counted.
            network: Its network; None for any.

        Returns:
            False if no connection there waits for its client.
        """
        for each in self._waiting:
            is_there = (each in self._reserve) is (place is Place.RESERVE)
            if is_there and network in (None, self._regular.get(each)) and each.awaits_client():
                self.discard(each)
                each.evict()
                return True
        return False

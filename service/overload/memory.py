"""The ledger of memory: every buffer that a client can make grow is charged before it is taken.

Received, decompressed, parsed and unsent bytes share one budget. What arrives, or waits for work,
uses at most half of it: otherwise, unfinished bodies could fill the budget, and none could be
finished. Answers in temporary files have a second ledger. Buffers that are small for each
connection, at most `UNCHARGED_BYTES` in each direction, are limited by the number of connections.
"""

from collections.abc import Callable
from contextvars import ContextVar
from threading import Lock
from typing import Final

from service.problems import Problem, service_unavailable

UNCHARGED_BYTES: Final = 16 * 1024


def memory_full() -> Problem:
    """Return the problem for a request that the memory has no room for: 503 with Retry-After."""
    return service_unavailable("The memory for requests is filled by other requests.")


def request_too_large() -> Problem:
    """Return the problem for a request that needs more than the whole budget: 413."""
    return Problem(
        413,
        "The request needs more memory than the service has for requests. Send fewer rows at a "
        "time.",
    )


def spools_full() -> Problem:
    """Return the problem for a file or an answer that temporary files have no room for: 507."""
    return Problem(
        507,
        "The service has no room in temporary files for the file or the answer. Send fewer rows at "
        "a time.",
    )


class MemoryLedger:
    """A budget of bytes, charged and released by leases. Thread-safe.

    Args:
        budget_bytes: Maximum bytes of all leases.
        full: Returns the exception for a charge beyond the budget.
        too_large: Returns the exception for a lease that cannot fit into the budget.
        on_change: Called with the charged bytes after every change.

    Attributes:
        budget_bytes: Maximum bytes of all leases.
        charged_bytes: Bytes of all leases.
        too_large: Returns the exception for a lease that cannot fit into the budget.
    """

    def __init__(
        self,
        budget_bytes: int,
        full: Callable[[], Problem] = memory_full,
        too_large: Callable[[], Problem] = request_too_large,
        on_change: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.budget_bytes = budget_bytes
        self.charged_bytes = 0
        self._arriving_bytes = 0
        self._full, self._on_change = full, on_change
        self.too_large = too_large
        self._lock = Lock()

    def lease(self, *, arriving: bool = False) -> "Lease":
        """Return a lease of no bytes.

        Args:
            arriving: Whether the bytes arrive or wait, and are limited to half of the budget.
        """
        return Lease(self, arriving)

    def change(self, size: int, arriving: int) -> None:
        """Change the totals; called by leases.

        Args:
            size: Bytes to add; negative to release.
            arriving: Bytes to add to those that arrive or wait.

        Raises:
            Problem: The budget has no room for the bytes.
        """
        with self._lock:
            charged, waiting = self.charged_bytes + size, self._arriving_bytes + arriving
            if (size > 0 and charged > self.budget_bytes) or (
                arriving > 0 and waiting > self.budget_bytes // 2
            ):
                raise self._full()
            self.charged_bytes, self._arriving_bytes = charged, waiting
            self._on_change(charged)


class Lease:
    """The bytes of one owner, such as a request. A context manager; its exit releases them.

    Args:
        ledger: The ledger that is charged.
        arriving: Whether the bytes arrive or wait.

    Attributes:
        ledger: The ledger that is charged.
        charged_bytes: The bytes of the lease.
    """

    __slots__ = ("_arriving", "charged_bytes", "ledger")

    def __init__(self, ledger: MemoryLedger, arriving: bool) -> None:
        self.ledger, self._arriving = ledger, arriving
        self.charged_bytes = 0

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.resize(0)

    def add(self, size: int) -> None:
        """Charge `size` bytes before they are taken. Raises Problem if the ledger is full."""
        self.resize(self.charged_bytes + size)

    def resize(self, size: int) -> None:
        """Charge `size` bytes in all. Raises Problem if the ledger is full, and changes nothing."""
        change = size - self.charged_bytes
        if change > 0 and size > self.ledger.budget_bytes // (1 + self._arriving):
            raise self.ledger.too_large()
        if change:
            self.ledger.change(change, change * self._arriving)
            self.charged_bytes = size

    def charge_work(self, size: int) -> None:
        """Charge bytes of work that has begun, and count none as arriving or waiting any more.

        Args:
            size: Bytes to add; negative to release.

        Raises:
            Problem: The ledger is full.
        """
        if self._arriving:
            self.ledger.change(0, -self.charged_bytes)
            self._arriving = False
        self.add(size)


# The lease of the current request, released at its end. A thread of the pool sees it, too.
request_lease: ContextVar[Lease] = ContextVar("request_lease")

"""Charges for memory that a codec takes; a caller passes the function that accounts for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Called with a number of bytes before they are taken, or with a negative one after they are
# released. Raises an exception to stop the work, because there is no room.
Charge = Callable[[int], None]


def uncharged(size: int) -> None:
    """Ignore a charge: the memory is small, or is not limited."""


@contextmanager
def released(charge: Charge) -> Iterator[Charge]:
    """Release at the end of the context what was charged within it.

    Args:
        charge: The function to call with each charge.

    Yields:
        The function to charge with.
    """
    charged = 0

    def count(size: int) -> None:
        nonlocal charged
        charge(size)
        charged += size

    try:
        yield count
    finally:
        charge(-charged)

"""Charges for memory that a codec takes; a caller passes the function that accounts for them."""

from collections.abc import Callable

# Called with a number of bytes before they are taken, or with a negative one after they are
# released. Raises an exception to stop the work, because there is no room.
Charge = Callable[[int], None]


def uncharged(size: int) -> None:
    """Ignore a charge: the memory is small, or is not limited."""

"""The interface of pools, and the order of their results."""

from collections.abc import Callable, Generator, Iterable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Pool(Protocol):
    """Workers that run functions, each on one item at a time.

    Attributes:
        size: Number of items that are worked on at the same time.
        is_here: Whether the only worker is this process.
    """

    size: int
    is_here: bool

    def share(self, value: Any) -> Any:
        """Return a reference to a value that is sent to each worker once, not with each item."""

    def run(
        self,
        function: Callable[[Any, T], R],
        items: Iterable[T],
        shared: Any = None,
        *,
        ahead: int = 2,
    ) -> Generator[tuple[int, R], None, None]:
        """Call a function with each item, and yield the results as they come.

        Closing the iterator cancels what is not yet finished.

        Args:
            function: A function of a module, which is called with the shared value and an item.
            items: The items; they are read as workers become free.
            shared: What `share` returned.
            ahead: Items that are read for each worker, the one in work included.

        Returns:
            Pairs of an item's number and its result, in the order of completion.

        Raises:
            MalignancyError: A worker or the cluster is lost, or the function raised it.
        """

    def close(self) -> None:
        """Cancel what is not yet finished, and release the workers."""


def in_order(results: Iterable[tuple[int, R]]) -> Generator[R, None, None]:
    """Yield results in the order of their items.

    Args:
        results: Pairs of an item's number and its result, as `Pool.run` yields them.
    """
    waiting: dict[int, R] = {}
    following = 0
    for number, result in results:
        waiting[number] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1

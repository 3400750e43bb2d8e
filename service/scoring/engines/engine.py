"""The interface of the engines, and what they have in common."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Literal, Protocol, Self, TypeVar

from model.errors import MalignancyError, bounded

EngineName = Literal["local", "dask", "ray"]

# Fixed values. An item runs again if its worker is lost, at most so many times in all.
TRIES: Final = 3

_T = TypeVar("_T")
_R = TypeVar("_R")


class Engine(Protocol):
    """Runs a function for many items, in other processes.

    As a context manager, it ends the processes that it has started, also those that are busy.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def run(self, function: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[tuple[int, _R]]:
        """Call a function for each item; yield each index and result, in the order of completion.

        An item whose worker is lost runs again, so the function must be idempotent. Each index is
        yielded once. If the function raises, the other items are cancelled; items that are running
        on the workers of a cluster may still be completed there.

        Args:
            function: The function; can be pickled, and imported by the workers.
            items: The arguments; can be pickled.

        Raises:
            MalignancyError: The engine lost its cluster, or an item's worker was lost too
                often, see `TRIES`.
            Exception: Any exception of the function.
        """
        ...


def lost_worker(item: object, tries: int = TRIES) -> MalignancyError:
    """Return the error for an item whose worker was lost too often.

    Args:
        item: The item, which the text names.
        tries: How often it was run.
    """
    return MalignancyError(
        f"{bounded(str(item), 300)}: its worker process ended {tries} times: "
        "it may need more memory than there is"
    )

"""Functions for engines to run, importable by worker processes, and what they leave behind."""

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from model.errors import DataError


@dataclass(frozen=True)
class Item:
    """An item of a job.

    Attributes:
        number: Its number; its result is the square.
        folder: Where its runs are recorded.
        kills: Number of its first runs in which it kills its worker.
        sent: The signal with which it does so.
    """

    number: int
    folder: Path
    kills: int = 0
    sent: signal.Signals = signal.SIGKILL

    def __str__(self) -> str:
        return f"item {self.number}"

    def runs(self) -> list[int]:
        """Return the process of each run so far."""
        file = self.folder / str(self.number)
        return [int(line) for line in file.read_text().split()] if file.exists() else []


def square(item: Item) -> int:
    """Return the square of the number, or kill this process."""
    _record(item)
    if len(item.runs()) <= item.kills:
        os.kill(os.getpid(), item.sent)
    return item.number**2


def fail(item: Item) -> int:
    """Raise an error for item 3; block for ever for those after it."""
    _record(item)
    if item.number == 3:
        raise DataError("item 3 is wrong")
    if item.number > 3:
        threading.Event().wait()
    return item.number**2


def block(item: Item) -> int:
    """Block for ever; write a file when interrupted."""
    _record(item)
    try:
        threading.Event().wait()
    finally:
        (item.folder / f"{item.number}.end").touch()
    return 0


def end_in_finalizer(item: Item) -> int:
    """Return the square, after runs in which SIGTERM arrives while an object is finalized."""
    _record(item)
    if len(item.runs()) <= item.kills:
        _Ending(item)
        threading.Event().wait()
    return item.number**2


class _Ending:
    """Ends its process as it is finalized, where Python ignores exceptions.

    Args:
        item: The item.
    """

    def __init__(self, item: Item) -> None:
        self._item = item

    def __del__(self) -> None:
        os.kill(os.getpid(), self._item.sent)
        for _ in range(1000):  # the handler of the signal runs here
            pass


def items(folder: Path, count: int, **kills: int) -> list[Item]:
    """Return some items.

    Args:
        folder: Where their runs are recorded.
        count: Number of items.
        kills: By "item_NUMBER", in how many of its first runs an item kills its worker.
    """
    return [Item(number, folder, kills.get(f"item_{number}", 0)) for number in range(count)]


def is_running(process: int) -> bool:
    """Return True for a process that has not ended."""
    return Path(f"/proc/{process}/exe").exists()


def _record(item: Item) -> None:
    with (item.folder / str(item.number)).open("a") as file:
        file.write(f"{os.getpid()}\n")

"""Defer Ctrl-C (SIGINT) to the end of a training step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """A flag, true after Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.pressed = False

    def __bool__(self) -> bool:
        return self.pressed


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Make the first Ctrl-C set a flag; a second one raises KeyboardInterrupt as usual.

    Outside the main thread, or if the program handles SIGINT itself, nothing changes.
    """
    interrupt = Interrupt()
    previous = signal.getsignal(signal.SIGINT)
    if (
        threading.current_thread() is not threading.main_thread()
        or previous is not signal.default_int_handler
    ):
        yield interrupt
        return

    def press(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        interrupt.pressed = True
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, press)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)

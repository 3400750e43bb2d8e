"""Lines on their way to standard error: a thread of their own writes them, so that a reader who
stalls, or a slow disk, holds up no request.
"""

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

logger = logging.getLogger(__name__)

MAX_BUFFERED_LINES: Final = 10_000  # that wait; what comes then is dropped
BATCH_SECONDS: Final = 0.01  # lines of this time are written at once
BATCH_LINES: Final = 500
BATCH_BYTES: Final[int] = getattr(select, "PIPE_BUF", 512)  # that a pipe keeps together
FLUSH_SECONDS: Final = 0.3  # at the end


class LogWriter:
    """A bounded queue of lines for a file descriptor. on_drop: called for each that is dropped."""

    def __init__(self, descriptor: int) -> None:
        self.on_drop: Callable[[], None] = lambda: None
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._awake = False
        self._wake, self._hurry = threading.Event(), threading.Event()
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def put(self, line: bytes) -> None:
        """Have it written soon, with those that others put; never waits."""
        if len(self._lines) >= MAX_BUFFERED_LINES:
            self._dropped += 1
            self.on_drop()
            return
        self._lines.append(line)
        if not self._awake:
            self._awake = True
            self._wake.set()

    def flush(self) -> None:
        """Return when all is written, or nobody reads it."""
        until = monotonic() + FLUSH_SECONDS
        self._hurry.set()
        while (self._awake or self._lines) and monotonic() < until:
            self._wake.set()
            sleep(0.001)
        self._hurry.clear()

    def _write_all(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._awake = True
            while self._lines:
                self._hurry.wait(BATCH_SECONDS)
                self._write_some()
            self._awake = False
            if self._lines:  # one came in between, and saw it awake
                self._wake.set()
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                logger.warning("log_lines_dropped", extra={"lines": dropped})

    def _write_some(self) -> None:
        """Whole lines, that none is torn apart by what others write to the same pipe."""
        together = b""
        for _ in range(min(len(self._lines), BATCH_LINES)):
            line = self._lines.popleft()
            if len(together) + len(line) > BATCH_BYTES:
                self._write(together)
                together = b""
            together += line
        self._write(together)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # somebody who shares it does not want to wait
                select.select((), (self._descriptor,), ())
            except OSError:
                return  # nobody reads it any more: that harms no request

"""Buffered, non-blocking writing of log lines to standard error."""

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

from service.background import repeat_in_thread

logger = logging.getLogger(__name__)

# Fixed values.
MAX_BUFFERED_LINES: Final = 10_000  # further lines are dropped and counted
# Lines wait for others, since each run of the thread takes 0.1 ms of CPU, but for few others, since
# requests wait while the thread builds lines.
BATCH_SECONDS: Final = 0.1
BATCH_LINES: Final = 256
BATCH_BYTES: Final[int] = getattr(select, "PIPE_BUF", 512)  # a pipe writes as many atomically
FLUSH_SECONDS: Final = 0.3  # at the end of the process


class LogWriter:
    """Writes lines to a file descriptor in its own thread.

    Logging never blocks a request, even if the reader of the log stalls or the disk is slow: up to
    `MAX_BUFFERED_LINES` lines are buffered, further lines are dropped and counted.

    Args:
        descriptor: Open file descriptor to write to.

    Attributes:
        on_drop: Function that is called for each dropped line.
    """

    def __init__(self, descriptor: int) -> None:
        self.on_drop: Callable[[], None] = lambda: None
        self._descriptor = descriptor
        self._lines: deque[bytes | Callable[[], bytes]] = deque()
        self._dropped = 0
        self._is_writing = self._is_flushing = False
        self._wake, self._write_now = threading.Event(), threading.Event()
        steps = "log_writer", self._write_lines
        threading.Thread(target=repeat_in_thread, args=steps, name="log", daemon=True).start()

    def put(self, line: bytes | Callable[[], bytes]) -> None:
        """Buffer a line, which ends with a newline; never blocks.

        Args:
            line: The line, or a function that returns it, which the writer's thread calls. Many
                calls in a row take less time than calls between requests.
        """
        waiting = len(self._lines)
        if waiting >= MAX_BUFFERED_LINES:
            self._dropped += 1
            self.on_drop()
            return
        self._lines.append(line)
        if not self._is_writing:
            self._is_writing = True
            self._wake.set()
        elif waiting == BATCH_LINES:
            self._write_now.set()

    def flush(self) -> None:
        """Wait until all lines are written, at most `FLUSH_SECONDS`."""
        deadline = monotonic() + FLUSH_SECONDS
        self._is_flushing = True
        self._write_now.set()
        while (self._is_writing or self._lines) and monotonic() < deadline:
            self._wake.set()
            sleep(0.001)
        self._is_flushing = False

    def _write_lines(self) -> None:
        """Wait for lines, and write until there are none."""
        self._wake.wait()
        self._wake.clear()
        self._is_writing = True
        try:
            while self._lines:
                if len(self._lines) < BATCH_LINES and not self._is_flushing:
                    self._write_now.wait(BATCH_SECONDS)
                self._write_now.clear()
                self._write_batch()
        finally:
            self._is_writing = False
            # put() added a line after the loop and still saw _is_writing, or an error left lines.
            if self._lines:
                self._wake.set()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            logger.warning("log_lines_dropped", extra={"lines": dropped})

    def _write_batch(self) -> None:
        """Write whole lines in calls of at most `BATCH_BYTES`.

        So no line is interleaved with what other processes write to the same pipe.
        """
        batch = b""
        try:
            for _ in range(min(len(self._lines), BATCH_LINES)):
                line = self._lines.popleft()
                if not isinstance(line, bytes):
                    line = line()
                if len(batch) + len(line) > BATCH_BYTES:
                    full, batch = batch, b""
                    self._write(full)
                batch += line
        finally:  # an exception loses one line
            self._write(batch)

    def _write(self, data: bytes) -> None:
        remaining = memoryview(data)
        while remaining:
            try:
                remaining = remaining[os.write(self._descriptor, remaining) :]
            except BlockingIOError:  # another process set the shared descriptor to non-blocking
                select.select((), (self._descriptor,), ())
            except OSError:
                return  # the reader has closed the pipe; requests must not fail because of it

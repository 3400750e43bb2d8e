"""The thread that writes the queue's rows; one for each process."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final, NamedTuple

from service.background import lower_priority, report_failure
from service.store.batches import Keeps, PreparedBatch, prepare, write
from service.store.databases.database import Database, RowsRejected, StoreError
from service.store.groups import Record
from service.store.identifiers import uuid7
from service.store.records import VersionKey
from service.store.retention import SWEEP_SECONDS, Retention, Sweep
from service.store.row_queue import Batch, RowQueue, rows_of

logger = logging.getLogger(__name__)

# Fixed values.
FIRST_PAUSE_SECONDS: Final = 0.1  # after a failure; each further one doubles it
MAX_PAUSE_SECONDS: Final = 5.0
STOP_PAUSE_SECONDS: Final = 0.1
NICENESS: Final = 10  # a tenth of the share that a thread of requests has of a core in demand


class StoreStatus(NamedTuple):
    """State of the store as this process sees it.

    Attributes:
        lag_seconds: Age of the oldest row that is not written yet; 0 without any.
        dropped: Number of rows that were lost.
        unkept: Number of rows of large bodies that were only counted.
        is_failing: True from a failure until a batch is written.
        last_error: Text of the last failure, without passwords and values; "" without one.
    """

    lag_seconds: float
    dropped: int
    unkept: int
    is_failing: bool
    last_error: str


class StoreWriter:
    """Writes batches, and deletes what is older than its retention.

    A batch that fails is kept and written again, after a pause that doubles up to 5 s. A record
    that the database rejects is dropped.

    Args:
        connect: Function that opens the database and migrates it.
        queue: The rows.
        keeps: Value of the setting `store_keeps`.
        retention: Days for which rows are kept.

    Attributes:
        on_written: Called in the writer's thread with records that are written.
    """

    on_written: Callable[[Iterable[Record]], None] | None = None

    def __init__(
        self,
        connect: Callable[[], Database],
        queue: RowQueue,
        keeps: Keeps,
        retention: Retention,
    ) -> None:
        self._connect, self._queue = connect, queue
        self._keeps, self._retention = keeps, retention
        self._id = uuid7()
        self._number = 0
        self._known: dict[VersionKey, int] = {}
        self._database: Database | None = None
        self._since: float | None = None  # of the batch that is being written
        self._is_failing, self._last_error = False, ""
        self._stopping, self._stopped = threading.Event(), threading.Event()
        self._idle = threading.Condition()
        self._sweep: Sweep | None = None
        # Processes that started together do not sweep together.
        self._next_sweep = monotonic() + SWEEP_SECONDS * (0.1 + 0.9 * os.urandom(1)[0] / 255)
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    @property
    def status(self) -> StoreStatus:
        """The state of the store."""
        # The batch's time first: the queue's rows are younger, and may become the next batch.
        oldest = min(
            (each for each in (self._since, self._queue.oldest) if each is not None), default=None
        )
        return StoreStatus(
            0.0 if oldest is None else max(0.0, monotonic() - oldest),
            self._queue.dropped,
            self._queue.unkept,
            self._is_failing,
            self._last_error,
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written; False if that takes longer.

        Args:
            seconds: The longest time to wait.
        """
        self._queue.hurry()
        try:
            with self._idle:
                return self._idle.wait_for(self._is_idle, seconds)
        finally:
            self._queue.hurry(False)

    def stop(self, seconds: float) -> int:
        """Write what is queued, and end the thread.

        Args:
            seconds: The longest time to wait.

        Returns:
            The number of rows that are lost.
        """
        deadline, before = monotonic() + seconds, self._queue.dropped
        self._stopping.set()
        self._queue.hurry()
        with self._idle:
            self._idle.wait_for(self._is_idle, seconds)
        self._stopped.set()
        self._queue.hurry()
        if self._thread.ident is not None:
            self._thread.join(max(0.1, deadline - monotonic()))
        while not self._thread.is_alive() and (batch := self._queue.take()):
            self._queue.release(batch, dropped=rows_of(batch))
        lost = self._queue.dropped - before + self._queue.rows
        if lost:
            logger.warning("store_rows_lost", extra={"rows": lost})
        return lost

    def _is_idle(self) -> bool:
        return self._queue.is_empty

    def _run(self) -> None:
        lower_priority(NICENESS)
        while not self._stopped.is_set():
            try:
                self._step()
            except Exception:  # such as a MemoryError; the batch was dropped and counted
                report_failure("store_writer")
                self._stopped.wait(STOP_PAUSE_SECONDS)
        self._disconnect()

    def _step(self) -> None:
        is_sweeping = self._sweep is not None
        self._queue.wait(0.0 if is_sweeping else max(0.0, self._next_sweep - monotonic()))
        batch = self._queue.take()
        if batch:
            self._since = batch.since
            dropped = rows_of(batch)
            try:
                dropped = self._write(batch)
            finally:
                self._since = None
                self._queue.release(batch, dropped=dropped)
                with self._idle:
                    self._idle.notify_all()
        if monotonic() >= self._next_sweep:
            self._next_sweep = monotonic() + SWEEP_SECONDS
            self._sweep = Sweep(self._retention, time.time())
        if self._sweep and not self._is_failing:
            self._sweep_once(self._sweep)

    def _write(self, batch: Batch) -> int:
        """Write a batch, repeatedly, and return the number of rows that are dropped.

        A batch that the database rejects is halved, until the record with the reason is alone.
        """
        self._number += 1
        prepared = prepare(batch, self._number, self._keeps)
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            try:
                self._write_once(prepared)
            except RowsRejected as error:
                if halves := batch.halves():
                    return sum(map(self._write, halves))
                self._last_error = str(error)
                logger.error("store_rows_rejected", extra={"reason": str(error)})
                return rows_of(batch)
            except StoreError as error:
                self._fail(error)
                if self._stopping.is_set():
                    pause = STOP_PAUSE_SECONDS
                self._stopped.wait(pause)
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
            else:
                if self._is_failing:
                    self._is_failing = False
                    logger.info("store_recovered", extra={"dropped": self._queue.dropped})
                if self.on_written is not None:
                    self.on_written(batch.records)
                return 0
        return rows_of(batch)

    def _write_once(self, prepared: PreparedBatch) -> None:
        if self._database is None:
            self._database = self._connect()
            self._known.clear()  # it may be another database under the same name
        write(self._database, prepared, self._id, self._known)

    def _sweep_once(self, sweep: Sweep) -> None:
        try:
            if self._database is None:
                self._database = self._connect()
            if not sweep.step(self._database):
                self._sweep = None
        except StoreError as error:
            self._sweep = None
            self._fail(error)
            self._is_failing = False  # no row waits

    def _fail(self, error: StoreError) -> None:
        self._last_error = str(error)
        if not self._is_failing:
            self._is_failing = True
            logger.warning("store_failing", extra={"reason": str(error)})
        self._disconnect()

    def _disconnect(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

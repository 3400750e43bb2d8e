"""The thread that predicts for shadow versions; one for each process."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Final, Protocol

import numpy as np

from model.arrays import Array
from model.prediction.other_rows import predict_valid, schema_difference
from model.prediction.predictor import Predictor
from model.prediction.schema_rules import SchemaRules
from service.background import lower_priority, report_failure
from service.shadow.ring import ShadowRing
from service.store.groups import Record
from service.store.records import StoredVersion

logger = logging.getLogger(__name__)

# Fixed values.
COLLECT_SECONDS: Final = 0.05  # from the first row to the first batch, so that others join it
PAUSE_SECONDS: Final = 0.001  # between batches, in which requests have the interpreter
PAUSE_SHARE: Final = 4.0  # times the time of the batch before, which is longer beside requests
NICENESS: Final = 19


class ShadowCounts(Protocol):
    """Counters of the metrics."""

    def shadow_scored(self, rows: int) -> None:
        """Count predicted rows."""

    def shadow_dropped(self, reason: str, rows: int) -> None:
        """Count rows that are not predicted or not stored.

        Args:
            reason: "full", "busy", "rejected" or "store".
            rows: The number of rows.
        """


class ShadowScorer:
    """Predicts answered rows with shadow versions, and stores the predictions.

    Rows are dropped and counted if they come faster than they are predicted, if large bodies wait
    for a thread, if the shadow version rejects them, or if half of the store's queue is in use: an
    answer has precedence.

    Args:
        versions: Shadow version by name of the model.
        put: Puts predicted rows into the store; False if there is no room.
        counts: The metrics.
        is_busy: Returns True while the service is at its limit.
    """

    def __init__(
        self,
        versions: Mapping[str, StoredVersion],
        put: Callable[[Record], bool],
        counts: ShadowCounts,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._versions, self._put, self._counts, self._is_busy = versions, put, counts, is_busy
        self._rules = {
            each: SchemaRules(each.predictor.schema.features) for each in versions.values()
        }
        self._ring = ShadowRing()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def version_for(self, predictor: Predictor) -> StoredVersion | None:
        """Return the shadow version of a version.

        Args:
            predictor: The version that answers.

        Returns:
            None if the model has no shadow version, if that is the version itself, or if the
            schemas differ, which is logged.
        """
        shadow = self._versions.get(predictor.name)
        if shadow is None or shadow.predictor.version == predictor.version:
            return None
        if reason := schema_difference(predictor.schema, shadow.predictor.schema):
            fields = {"model": predictor.title, "shadow": shadow.predictor.title, "reason": reason}
            logger.warning("shadow_not_comparable", extra=fields)
            return None
        return shadow

    def offer(self, records: Iterable[Record]) -> None:
        """Take the answers with a shadow version, as many rows as there is room for.

        Args:
            records: Rows that are stored.
        """
        for record in records:
            if record.version.shadow is None:
                continue
            if self._is_busy():
                self._counts.shadow_dropped("busy", record.count)
            elif dropped := record.count - self._ring.put(record):
                self._counts.shadow_dropped("full", dropped)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Predict the rows that wait, and end the thread.

        Args:
            seconds: The longest time to wait.
        """
        self._stopping.set()
        self._ring.wake()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        lower_priority(NICENESS)
        is_last = False
        while not is_last:
            self._ring.wait()
            is_last = self._stopping.wait(COLLECT_SECONDS)
            try:
                self._drain()
            except Exception:  # such as a MemoryError; the batch is lost
                report_failure("shadow")
                self._stopping.wait(COLLECT_SECONDS)

    def _drain(self) -> None:
        """Predict all rows that wait, in batches."""
        begin = perf_counter()
        while batch := self._ring.take():
            self._score(batch)
            if not self._stopping.is_set():
                seconds = perf_counter() - begin
                self._stopping.wait(max(PAUSE_SECONDS, PAUSE_SHARE * seconds))
            begin = perf_counter()

    def _score(self, batch: list[Record]) -> None:
        version = batch[0].version.shadow
        assert version is not None
        values = np.concatenate([record.values for record in batch])
        predictions, is_valid = predict_valid(version.predictor, values, self._rules[version])
        rejected = len(values) - len(predictions)
        if rejected:
            self._counts.shadow_dropped("rejected", rejected)
        found = np.full((len(values), predictions.shape[1]), np.nan)
        found[is_valid] = predictions
        start = unstored = 0
        for record in batch:
            stop = start + record.count
            for rows in shadow_rows(record, found[start:stop], is_valid[start:stop]):
                if not self._put(rows):
                    unstored += rows.count
            start = stop
        if unstored:
            self._counts.shadow_dropped("store", unstored)
        self._counts.shadow_scored(len(predictions) - unstored)


def shadow_rows(record: Record, predictions: Array, is_valid: Array) -> Iterator[Record]:
    """Yield the valid rows with the predictions of their shadow version, for the store.

    Args:
        record: The answered rows, B of them.
        predictions: The predictions of the shadow version, `(B, outputs)`.
        is_valid: Mask of the rows that it accepts, `(B,)`.
    """
    if is_valid.all():  # as almost always
        yield record.as_shadow(predictions.copy())
        return
    numbers = np.flatnonzero(is_valid)
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1):
        if len(run):
            start, stop = int(run[0]), int(run[-1]) + 1
            yield record.part(start, stop).as_shadow(predictions[start:stop].copy())

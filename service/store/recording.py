"""Recording of answers: rows are held until the answer is sent, then put into the queue."""

from collections import Counter
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Final

from model.arrays import Array
from service.request_context import RequestContext
from service.store.answer_cells import AnswerSource
from service.store.counting import Counts
from service.store.groups import counts_of
from service.store.identifiers import answer_name, new_answer_name, uuid7
from service.store.records import PredictedRows, StoredVersion
from service.store.row_queue import RowQueue

HELD_ROWS: Final = 16_384  # of one answer; of a longer table, every other block is kept, and so on
MAX_SOURCES: Final = 100  # thresholds of short answers
SMALL_ROWS: Final = 64  # whose arrays are copied, since they may be views of larger ones


class VersionRecorder:
    """Records the answers of one version.

    Args:
        queue: The queue of the store.
        version: The version.
        has_ids: Whether answers get names.

    Attributes:
        new_name: See `service.registry.recording.Recorder`.
    """

    def __init__(self, queue: RowQueue, version: StoredVersion, *, has_ids: bool) -> None:
        self._queue, self._version, self._has_ids = queue, version, has_ids
        self._sources: dict[float, AnswerSource] = {}
        self.new_name: Callable[[int], str] | None = new_answer_name if has_ids else None

    def begin(self, threshold: float, request: RequestContext) -> "AnswerRecording":
        """Begin to record an answer (see `service.registry.recording.Recorder`).

        Args:
            threshold: Decision threshold; NaN where the target has none.
            request: The request.
        """
        return AnswerRecording(self._queue, self._version, threshold, request, has_id=self._has_ids)

    def record_encoded(
        self,
        rows: Sequence[Sequence[object]],
        predictions: Array,
        threshold: float,
        request: RequestContext,
        name: str | None,
        nanoseconds: int,
    ) -> None:
        """Record a short answer (see `service.registry.recording.Recorder`).

        Args:
            rows: The rows as parsed, B of them.
            predictions: Their predictions, `(B, outputs)`.
            threshold: Decision threshold; NaN where the target has none.
            request: The request.
            name: Name of the answer, from `new_name`.
            nanoseconds: Time of the answer, Unix time.
        """
        source = self._sources.get(threshold) or self._new_source(threshold)
        key, subject = request.key, request.subject
        self._queue.put_answer(source, rows, predictions, name, nanoseconds, key, subject)

    def _new_source(self, threshold: float) -> AnswerSource:
        if len(self._sources) >= MAX_SOURCES:
            self._sources.clear()
        source = self._sources[threshold] = self._queue.new_source(self._version, threshold)
        return source


class AnswerRecording:
    """The predictions of one answer.

    Args:
        queue: The queue of the store.
        version: The version that predicts.
        threshold: Decision threshold; NaN where the target has none.
        request: The request.
        has_id: Whether the answer gets a name.
    """

    __slots__ = (
        "_blocks",
        "_counts",
        "_held",
        "_id",
        "_number",
        "_queue",
        "_request",
        "_stride",
        "_threshold",
        "_version",
        "id",
    )

    def __init__(
        self,
        queue: RowQueue,
        version: StoredVersion,
        threshold: float,
        request: RequestContext,
        *,
        has_id: bool,
    ) -> None:
        self._queue, self._version, self._threshold = queue, version, threshold
        self._request, self._id = request, uuid7()
        self.id = answer_name(self._id) if has_id else None
        self._blocks: list[tuple[int, PredictedRows]] = []
        self._counts: Counts = Counter()
        self._held = self._number = 0
        self._stride = 1

    def add(self, values: Array, predictions: Array, first_row: int = 0) -> None:
        """Add consecutive rows (see `service.registry.recording.Recording`).

        Args:
            values: Raw rows, `(B, F)`, NaN where missing.
            predictions: Their predictions, `(B, outputs)`.
            first_row: Number of the first row in the answer, from 0.
        """
        if len(predictions) <= SMALL_ROWS:
            values, predictions = values.copy(), predictions.copy()
        rows = PredictedRows(
            self._id,
            time_ns() // 1000,
            self._version,
            self._threshold,
            values,
            predictions,
            self._request.key or None,
            self._request.subject,
            first_row=first_row,
        )
        number, self._number = self._number, self._number + 1
        if number % self._stride:
            self._counts += counts_of([rows])
            return
        self._blocks.append((number, rows))
        self._held += len(predictions)
        while self._held > HELD_ROWS and len(self._blocks) > 1:
            self._thin()

    def commit(self) -> None:
        """Put the rows into the queue of the store."""
        if len(self._blocks) == 1 and not self._counts:
            self._queue.put(self._blocks[0][1])
            return
        for _, rows in self._blocks:
            self._queue.put_block(rows)
        if self._counts:
            self._queue.put_counts(self._version, self._counts)

    def _thin(self) -> None:
        """Keep every other block; the others are only counted."""
        self._stride *= 2
        kept = []
        for number, rows in self._blocks:
            if number % self._stride:
                self._counts += counts_of([rows])
                self._held -= len(rows.predictions)
            else:
                kept.append((number, rows))
        self._blocks = kept

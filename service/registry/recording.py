"""What a store of predictions offers to the code that answers; the service may have none."""

from collections.abc import Callable, Sequence
from typing import Protocol

from model.arrays import Array
from service.request_context import RequestContext


class Recording(Protocol):
    """The predictions of one answer, until it is sent."""

    @property
    def id(self) -> str | None:
        """Name of the answer, which it contains; None if the store keeps no predictions."""

    def commit(self) -> None:
        """Keep the rows, since the answer is sent."""


class OpenRecording(Recording, Protocol):
    """A recording to which rows are added, block by block."""

    def add(self, values: Array, predictions: Array, first_row: int = 0) -> None:
        """Add consecutive rows.

        Args:
            values: Raw rows, `(B, F)`, NaN where missing.
            predictions: Their predictions, `(B, outputs)`.
            first_row: Number of the first row in the answer, from 0.
        """


class Recorder(Protocol):
    """Records the answers of one version of a model.

    Attributes:
        new_name: Returns the name of a new answer for `record_encoded`, called with the time in
            nanoseconds; None if the store keeps no rows.
    """

    new_name: Callable[[int], str] | None

    def begin(self, threshold: float, request: RequestContext) -> OpenRecording:
        """Begin to record an answer.

        Args:
            threshold: Decision threshold; NaN where the target has none.
            request: The request, whose key and subject the rows belong to.
        """

    def record_encoded(
        self,
        rows: Sequence[Sequence[object]],
        predictions: Array,
        threshold: float,
        request: RequestContext,
        name: str | None,
        nanoseconds: int,
    ) -> None:
        """Record a short answer, which is sent, to rows that the model's tables have encoded.

        Args:
            rows: Their values as parsed, B rows for `RowTables.raw_values`.
            predictions: Their predictions, `(B, outputs)`.
            threshold: Decision threshold; NaN where the target has none.
            request: The request, whose key and subject the rows belong to.
            name: Name of the answer, from `new_name`.
            nanoseconds: Time of the answer, Unix time.
        """

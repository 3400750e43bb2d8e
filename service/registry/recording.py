"""What a store of predictions offers to the code that answers; the service may have none."""

from typing import Protocol

from model.arrays import Array
from service.request_context import RequestContext


class Recording(Protocol):
    """The predictions of one answer, until it is sent.

    Attributes:
        id: Name of the answer, which it contains; None if the store keeps no predictions.
    """

    id: str | None

    def add(self, values: Array, predictions: Array, first_row: int = 0) -> None:
        """Add consecutive rows.

        Args:
            values: Raw rows, `(B, F)`, NaN where missing.
            predictions: Their predictions, `(B, outputs)`.
            first_row: Number of the first row in the answer, from 0.
        """

    def commit(self) -> None:
        """Keep the rows, since the answer is sent."""


class Recorder(Protocol):
    """Records the answers of one version of a model."""

    def begin(self, threshold: float, request: RequestContext) -> Recording:
        """Begin to record an answer.

        Args:
            threshold: Decision threshold; NaN where the target has none.
            request: The request, whose key and subject the rows belong to.
        """

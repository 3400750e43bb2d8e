"""Answers in JSON: a document with the array `predictions`."""

from typing import Any

from pydantic_core import to_json

from service.codecs.blocks import ScoredBlock
from service.codecs.predictions import PredictionEncoder


class JsonWriter:
    """Writes the predictions as one JSON document, block by block.

    Args:
        encoder: The encoder of rows.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        metadata: Fields of the document beside `predictions`.
    """

    def __init__(
        self, encoder: PredictionEncoder, threshold: float, metadata: dict[str, Any]
    ) -> None:
        self._encoder, self._threshold, self._metadata = encoder, threshold, metadata
        self._separator = b""

    def begin(self) -> bytes:
        """Return the beginning of the document."""
        return b'{"predictions":['

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return the predictions of a block."""
        separator, self._separator = self._separator, b","
        return separator + self._encoder.json(scored, self._threshold, b",")

    def end(self) -> bytes:
        """Return the end of the document."""
        return b"]," + to_json(self._metadata)[1:]

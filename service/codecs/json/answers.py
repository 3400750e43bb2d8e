"""Answers in JSON: a document with the array `predictions`."""

from service.codecs.blocks import ScoredBlock
from service.codecs.extra import Extra
from service.codecs.predictions import PredictionEncoder


class JsonWriter:
    """Writes the predictions as one JSON document, block by block.

    Args:
        encoder: The encoder of rows.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        end: The fields of the document after `predictions`, from a comma to its closing brace.
    """

    def __init__(self, encoder: PredictionEncoder, threshold: float, end: bytes) -> None:
        self._encoder, self._threshold, self._end = encoder, threshold, end
        self._separator = b""
        self.taken, self.columns, self.headers = encoder.names, None, ()

    def begin(self, _extra: Extra | None = None) -> bytes:
        """Return the beginning of the document."""
        return b'{"predictions":['

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return the predictions of a block."""
        separator, self._separator = self._separator, b","
        return separator + self._encoder.json(scored, self._threshold, b",")

    def end(self) -> bytes:
        """Return the end of the document."""
        return b"]" + self._end

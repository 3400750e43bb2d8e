"""Predicted rows as the objects that JSON and NDJSON answers consist of."""

from typing import Any, Final

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from model.prediction.row_facts import RowFacts
from model.prediction.schema import Schema
from model.prediction.target import Binary
from service.codecs.answer_facts import facts_of
from service.codecs.blocks import ScoredBlock

MANY_ROWS: Final = 64  # for which it takes less time to join texts than to make objects


class PredictionEncoder:
    """Encodes predicted rows as objects.

    Args:
        schema: The model's schema.

    Attributes:
        facts: The facts that rows may have.
        names: Names of the fields that an object may have.
        binary_labels: The labels as JSON texts, if an answer is only a probability and one of them.
    """

    def __init__(self, schema: Schema) -> None:
        self._target, self.facts = schema.target, RowFacts(schema)
        (answer,) = schema.target.answers(np.zeros((1, len(schema.target.names))), 0.5)
        self.names = frozenset((*answer, *self.facts.names, "errors"))
        self.binary_labels: dict[str, bytes] = {}
        if isinstance(schema.target, Binary) and schema.target.refer is None:
            labels = schema.target.negative, schema.target.positive
            self.binary_labels = {label: to_json(label) for label in labels}

    def answers(self, scored: ScoredBlock, threshold: float) -> list[dict[str, Any]]:
        """Return the answer of each row: prediction and facts, or errors.

        Args:
            scored: The rows, B of them, with predictions.
            threshold: Decision threshold, 0 to 1; NaN if the model has none.

        Returns:
            B objects.
        """
        block = scored.block
        answers: list[dict[str, Any]] = scored.with_gaps(
            self._target.answers(scored.predictions, threshold), None
        )
        if block.errors:
            for row, errors in block.answer_errors():
                answers[row] = {"errors": errors}
        for name, found in facts_of(self.facts, block).items():
            for row, features in found.items():
                answers[row][name] = features
        if block.extra is not None:
            answers = [
                {**extra, **answer}
                for extra, answer in zip(block.extra.objects(), answers, strict=True)
            ]
        return answers

    def json(
        self, scored: ScoredBlock, threshold: float, separator: bytes, end: bytes = b"}"
    ) -> bytes:
        """Return the answers of all rows as JSON texts.

        Args:
            scored: The rows, B of them, with predictions.
            threshold: Decision threshold, 0 to 1; NaN if the model has none.
            separator: Bytes between two texts.
            end: The end of each text: its closing brace, and fields before it.
        """
        block, many = scored.block, len(scored.predictions) >= MANY_ROWS
        if many and block.complete and block.extra is None and isinstance(self._target, Binary):
            between = end + separator
            texts = self._binary_json(self._target, scored.predictions, threshold, between)
            return texts[: -len(separator)]
        answers = self.answers(scored, threshold)
        if separator == b"," and end == b"}":
            return to_json(answers)[1:-1]
        return separator.join([to_json(answer)[:-1] + end for answer in answers])

    @staticmethod
    def _binary_json(target: Binary, predictions: Array, threshold: float, between: bytes) -> bytes:
        """Return answers whose texts differ only in the probability between two thresholds.

        Args:
            target: The target.
            predictions: Probabilities, `(B, 1)`.
            threshold: Decision threshold.
            between: Bytes after each answer.
        """
        thresholds = sorted({threshold, *(target.refer or ())})
        beginning, endings = b'{"probability":', []
        for answer in target.answers(np.array([[*thresholds, np.inf]]).T, threshold):
            del answer["probability"]
            endings.append(b",%b%b%b" % (to_json(answer)[1:-1], between, beginning))
        probabilities = predictions[:, 0]
        place = np.searchsorted(thresholds, probabilities, side="left")  # the thresholds below it
        texts = [b""] * (2 * len(probabilities))
        texts[::2] = to_json(probabilities.tolist())[1:-1].split(b",")
        texts[1::2] = [endings[each] for each in place.tolist()]
        return beginning + b"".join(texts)[: -len(beginning)]

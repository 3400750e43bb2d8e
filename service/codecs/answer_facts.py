"""Facts of an answer beside its predictions, which each writer states in the way of its format."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic_core import to_json

from model.prediction.row_facts import Features, RowFacts
from service.codecs.blocks import Block

HEADER_PREFIX = b"malignancy-"


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """Facts of one answer.

    Attributes:
        fields: Facts of the whole answer: the model, and the threshold if it has one.
        rows: Facts of single rows.
    """

    fields: Mapping[str, float | str]
    rows: RowFacts

    @property
    def end(self) -> bytes:
        """The fields as the last ones of a JSON object, from a comma to its closing brace."""
        return b"," + to_json(self.fields)[1:]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The fields as headers of a response."""
        texts = {name: str(value).encode() for name, value in self.fields.items()}
        return [(HEADER_PREFIX + name.encode(), text) for name, text in texts.items()]

    @property
    def metadata(self) -> dict[str, str]:
        """The fields as text."""
        return {name: str(value) for name, value in self.fields.items()}


def facts_of(rows: RowFacts, block: Block) -> dict[str, Features]:
    """Return the facts of the valid rows of a block, by name.

    Args:
        rows: The facts that rows may have.
        block: The rows.
    """
    if block.complete:
        return {}
    found = rows.find(block.values)
    for features in found.values():
        for row in block.errors:  # the values of invalid rows are undefined
            features.pop(row, None)
    return found

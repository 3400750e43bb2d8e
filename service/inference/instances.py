"""JSON instances to a JSON answer."""

from typing import Any

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from service.codecs.imputation import tell_imputed
from service.codecs.json.parser import Rows
from service.registry.served_model import Served

# A body this large, some hundred rows, is worth handing to a thread so that others are not kept
# waiting; and one of many rows however short they are.
THREAD_BYTES = 32 * 1024


# Told at once: see `service.codecs.json.chunks`.
ANSWERED_ROWS = 1024


ANSWERED_NUMBERS = 2**18


def answer(served: Served, body: bytes, threshold: float) -> bytes:
    """The JSON answer to a JSON body. Raises Problem (400, 422)."""
    rows = served.contract.parse(body)
    return told(served, rows, served.predict(rows.values, threshold), threshold)


def told(served: Served, rows: Rows, predictions: Array, threshold: float) -> bytes:
    """The predictions of these rows as JSON."""
    model = {**served.thresholds.told(threshold), "model": served.title}
    if rows.single:
        return to_json({**_answers(served, rows, predictions, threshold)[0], **model})
    count = max(1, min(ANSWERED_ROWS, ANSWERED_NUMBERS // rows.values.shape[1]))
    pieces = (
        to_json(_answers(served, rows, predictions[first : first + count], threshold, first))[1:-1]
        for first in range(0, len(predictions), count)
    )
    return b'{"predictions":[%b],%b' % (b",".join(pieces), to_json(model)[1:])


def _answers(
    served: Served, rows: Rows, predictions: Array, threshold: float, first: int = 0
) -> list[dict[str, Any]]:
    """The answers to a piece of the rows, that from `first` on, and its predictions."""
    schema = served.predictor.schema
    answers = schema.target.answers(predictions, threshold)
    if len(rows.missing):
        missing = rows.missing
        start, end = np.searchsorted(missing[:, 0], (first, first + len(answers)))
        tell_imputed(answers, missing[start:end] - (first, 0), schema.names)
    return answers

"""JSON instances to a JSON answer."""

from typing import Any

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from service.codecs.imputation import add_imputed_fields
from service.codecs.json.parser import ParsedRows
from service.registry.model_version import ModelVersion

# A body this large, some hundred rows, is worth handing to a thread so that others are not kept
# waiting; and one of many rows however short they are.
THREAD_BYTES = 32 * 1024


# Told at once: see `service.codecs.json.chunks`.
CHUNK_ROWS = 1024


CHUNK_VALUES = 2**18


def predict_json(model_version: ModelVersion, body: bytes, threshold: float) -> bytes:
    """The JSON answer to a JSON body. Raises Problem (400, 422)."""
    rows = model_version.parser.parse(body)
    return encode_predictions(
        model_version, rows, model_version.predict_and_count(rows.values, threshold), threshold
    )


def encode_predictions(
    model_version: ModelVersion, rows: ParsedRows, predictions: Array, threshold: float
) -> bytes:
    """The predictions of these rows as JSON."""
    model = {**model_version.thresholds.as_fields(threshold), "model": model_version.title}
    if rows.single:
        return to_json({**_encode_rows(model_version, rows, predictions, threshold)[0], **model})
    count = max(1, min(CHUNK_ROWS, CHUNK_VALUES // rows.values.shape[1]))
    pieces = (
        to_json(
            _encode_rows(model_version, rows, predictions[first : first + count], threshold, first)
        )[1:-1]
        for first in range(0, len(predictions), count)
    )
    return b'{"predictions":[%b],%b' % (b",".join(pieces), to_json(model)[1:])


def _encode_rows(
    model_version: ModelVersion,
    rows: ParsedRows,
    predictions: Array,
    threshold: float,
    first: int = 0,
) -> list[dict[str, Any]]:
    """The answers to a piece of the rows, that from `first` on, and its predictions."""
    schema = model_version.predictor.schema
    answers = schema.target.answers(predictions, threshold)
    if len(rows.missing):
        missing = rows.missing
        start, end = np.searchsorted(missing[:, 0], (first, first + len(answers)))
        add_imputed_fields(answers, missing[start:end] - (first, 0), schema.names)
    return answers

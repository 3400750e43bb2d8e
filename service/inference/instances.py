"""Predict the instances of a JSON body and encode the answer as JSON."""

from typing import Any

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from service.codecs.imputation import add_imputed_fields
from service.codecs.json.parser import ParsedRows
from service.registry.model_version import ModelVersion

# A larger body, some hundred rows, is predicted in a thread so that it delays no other request. So
# is a smaller body of many short rows.
THREAD_BYTES = 32 * 1024

# Rows, and values of rows, that are encoded in one call; like the chunks of `codecs.json.chunks`,
# they bound how long one call holds the interpreter.
CHUNK_ROWS = 1024
CHUNK_VALUES = 2**18


def predict_json(model_version: ModelVersion, body: bytes, threshold: float) -> bytes:
    """Predict the instances of a JSON body.

    Args:
        model_version: The model that predicts.
        body: The request body, JSON text.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.

    Returns:
        The answer, JSON text.

    Raises:
        Problem: The body is malformed (400) or breaks a rule of the schema (422).
    """
    rows = model_version.parser.parse(body)
    return encode_predictions(
        model_version, rows, model_version.predict_and_count(rows.values, threshold), threshold
    )


def encode_predictions(
    model_version: ModelVersion, rows: ParsedRows, predictions: Array, threshold: float
) -> bytes:
    """Encode predictions as the JSON answer.

    Args:
        model_version: The model that predicted.
        rows: The rows of the request, B of them.
        predictions: `(B, outputs)` float64.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.

    Returns:
        One object for a single instance, else an object with a list `predictions`.
    """
    model = {**model_version.thresholds.as_fields(threshold), "model": model_version.title}
    if rows.single:
        return to_json({**_encode_rows(model_version, rows, predictions, threshold)[0], **model})
    count = max(1, min(CHUNK_ROWS, CHUNK_VALUES // rows.values.shape[1]))
    chunks = (
        to_json(
            _encode_rows(model_version, rows, predictions[first : first + count], threshold, first)
        )[1:-1]
        for first in range(0, len(predictions), count)
    )
    return b'{"predictions":[%b],%b' % (b",".join(chunks), to_json(model)[1:])


def _encode_rows(
    model_version: ModelVersion,
    rows: ParsedRows,
    predictions: Array,
    threshold: float,
    first: int = 0,
) -> list[dict[str, Any]]:
    """Return the answers of a chunk of rows that begins at row `first`."""
    schema = model_version.predictor.schema
    answers = schema.target.answers(predictions, threshold)
    if len(rows.missing):
        missing = rows.missing
        start, end = np.searchsorted(missing[:, 0], (first, first + len(answers)))
        add_imputed_fields(answers, missing[start:end] - (first, 0), schema.names)
    return answers

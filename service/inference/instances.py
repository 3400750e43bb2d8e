"""Predict the instances of a JSON body, and answer in JSON."""

from collections.abc import Iterable
from time import time_ns

from pydantic_core import to_json

from model.arrays import Array
from service.codecs.blocks import ScoredBlock
from service.codecs.charge import Charge, uncharged
from service.codecs.json.answers import JsonWriter
from service.codecs.json.parser import ParsedRows
from service.inference.answer import Answer
from service.inference.execution import is_short, max_json_rows
from service.overload.limiter import WorkLimiter
from service.overload.memory import request_lease
from service.registry.model_version import ModelVersion
from service.request_context import RequestContext, request_context

# Rows, and values of rows, that are encoded in one call; like the chunks of `codecs.json.chunks`,
# they bound how long one call holds the interpreter.
CHUNK_ROWS = 1024
CHUNK_VALUES = 2**18


async def answer_instances(
    model_version: ModelVersion, body: bytes, threshold: float, limiter: WorkLimiter
) -> Answer:
    """Predict the instances of a JSON body, in the event loop if they are few.

    Args:
        model_version: The model that predicts.
        body: The request body, JSON text.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        limiter: The threads for many instances.

    Returns:
        The answer.

    Raises:
        Problem: The body is malformed (400) or breaks a rule of the schema (422), no thread is
            free in time, or the memory for requests is full (503).
    """
    rows = parse_short(model_version, body)
    if rows is None:
        charge = request_lease.get().charge_work
        return await limiter.run(predict_json, model_version, body, threshold, charge)
    if rows.count == 1:
        predictions = await model_version.predict_batched(rows)
    else:
        predictions = model_version.predict_parsed(rows)
    return encode_answer(model_version, rows, predictions, threshold)


def parse_short(model_version: ModelVersion, body: bytes) -> ParsedRows | None:
    """Return the rows of a short JSON body, encoded if possible.

    Args:
        model_version: The model that will predict.
        body: The request body, JSON text.

    Returns:
        The rows; None if the body is too long for the event loop.

    Raises:
        Problem: The body is malformed (400) or breaks a rule of the schema (422).
    """
    rows = model_version.parser.encode(body)
    if rows is None and is_short(body, model_version.features, max_json_rows):
        rows = model_version.parser.parse(body)
    return rows


def predict_json(
    model_version: ModelVersion, body: bytes, threshold: float, charge: Charge = uncharged
) -> Answer:
    """Predict the instances of a JSON body.

    Args:
        model_version: The model that predicts.
        body: The request body, JSON text.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        charge: Called with the memory of rows and answer.

    Returns:
        The answer.

    Raises:
        Problem: The body is malformed (400) or breaks a rule of the schema (422).
    """
    rows = model_version.parser.parse(body, charge)
    charge(2 * 8 * len(rows.values) * model_version.outputs)
    return encode_answer(model_version, rows, model_version.predict(rows.values), threshold, charge)


def json_writer(
    model_version: ModelVersion, threshold: float, name: str | None = None
) -> JsonWriter:
    """Return the writer of a model's answers in JSON.

    Args:
        model_version: The model that predicts.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        name: Name of the answer in the store; None without one.
    """
    end = model_version.end_of_answer(threshold, name)
    return JsonWriter(model_version.encoder, threshold, end)


def encode_answer(
    model_version: ModelVersion,
    rows: ParsedRows,
    predictions: Array,
    threshold: float,
    charge: Charge = uncharged,
    request: RequestContext | None = None,
) -> Answer:
    """Return the answer to rows of a JSON body.

    Args:
        model_version: The model that predicted.
        rows: The rows, B of them.
        predictions: Their predictions, `(B, outputs)`.
        threshold: Decision threshold, 0 to 1, unless one stands beside the rows; NaN if the model
            has none.
        charge: Called with the memory of the answer.
        request: The request; by default that of the context.

    Raises:
        Problem: The value beside the rows is not a threshold of the model (422).
    """
    if rows.threshold is not None:
        threshold = model_version.thresholds.from_field(*rows.threshold)
    labels = model_version.predictor.schema.target.tally(predictions, threshold)
    recorder = model_version.recorder
    if recorder is None:
        body = _encode_body(model_version, rows, predictions, threshold, labels, charge)
        return Answer(body, len(predictions), labels)
    request = request or request_context.get()
    if rows.encoded is not None:
        now = time_ns()
        name = None if recorder.new_name is None else recorder.new_name(now)
        body = _encode_body(model_version, rows, predictions, threshold, labels, charge, name)
        recorder.record_encoded(rows.in_order, predictions, threshold, request, name, now)
        return Answer(body, len(predictions), labels)
    recording = recorder.begin(threshold, request)
    recording.add(rows.values, predictions)
    body = _encode_body(model_version, rows, predictions, threshold, labels, charge, recording.id)
    return Answer(body, len(predictions), labels, recording=recording)


def _encode_body(
    model_version: ModelVersion,
    rows: ParsedRows,
    predictions: Array,
    threshold: float,
    labels: Iterable[str],
    charge: Charge,
    name: str | None = None,
) -> list[bytes]:
    """Return the body of an answer, in parts.

    Args:
        model_version: The model that predicted.
        rows: The rows, B of them.
        predictions: Their predictions, `(B, outputs)`.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        labels: The predicted labels.
        charge: Called with the memory of the body.
        name: Name of the answer in the store; None without one.
    """
    if rows.single and rows.encoded and (texts := model_version.encoder.binary_labels):
        (label,) = labels
        body = b'{"probability":%b,"label":%b' % (to_json(predictions.item()), texts[label])
        return [body + model_version.end_of_answer(threshold, name)]
    if rows.single:
        scored = ScoredBlock(rows.block, predictions, None)
        (answer,) = model_version.encoder.answers(scored, threshold)
        return [to_json(answer)[:-1] + model_version.end_of_answer(threshold, name)]
    writer = json_writer(model_version, threshold, name)
    parts, count = [writer.begin()], len(predictions)
    size = max(1, min(CHUNK_ROWS, CHUNK_VALUES // model_version.features))
    for start in range(0, count, size):
        block = rows.block.part(start, start + size)
        parts.append(writer.rows(ScoredBlock(block, predictions[start : start + size], None)))
        charge(len(parts[-1]))
    parts.append(writer.end())
    return parts if count > size else [b"".join(parts)]

"""Answer requests whose body or answer is a table: choose reader, writer and threshold."""

from importlib.util import find_spec

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from service.codecs.blocks import TableReader, TableWriter
from service.codecs.charge import Charge
from service.codecs.negotiation import ARROW, CSV, JSON, MEDIA_TYPES, NDJSON, NegotiatedTypes
from service.codecs.tabular.csv import CsvReader, CsvWriter
from service.codecs.tabular.ndjson import NdjsonReader, NdjsonWriter
from service.dependencies import Dependencies
from service.inference.answer import send_answer
from service.inference.instances import json_writer
from service.inference.request_body import read_body
from service.inference.response_spool import ResponseSpool
from service.inference.streaming import TableScorer, in_blocks, score_body
from service.overload.memory import request_lease
from service.problems import Problem
from service.registry.model_version import ModelVersion
from service.settings import Settings


async def predict_table(
    model_version: ModelVersion,
    media_types: NegotiatedTypes,
    dependencies: Dependencies,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer one ASGI request.

    Args:
        model_version: The model that predicts.
        media_types: The media types of body and answer.
        dependencies: Settings, threads and budgets.
        scope: The ASGI scope.
        receive: The ASGI receive function.
        send: The ASGI send function.

    Raises:
        Problem: The request is invalid (4xx), the service is busy (503), or there is no room for
            the answer (507).
    """
    settings, limiter = dependencies.settings, dependencies.limiter
    threshold, mark = model_version.thresholds.parse_table_query(scope["query_string"])
    if ARROW in media_types:
        await run_in_threadpool(_require_arrow, media_types)
    writer = _writer(media_types.response, model_version, threshold, mark=mark)
    with ResponseSpool() as spool:
        scoring = TableScorer(model_version, threshold, writer, spool, mark=mark)
        if media_types.request == JSON:
            body = await read_body(scope, receive, settings.max_body_bytes)
            connected = body is not None
            if body is not None:
                charge = request_lease.get().charge_work
                await limiter.run(_score_json, model_version, body, scoring, charge)
                del body
        else:
            reader = _reader(media_types.request, model_version, settings)
            connected = await score_body(
                reader, scoring, scope, receive, settings.max_stream_bytes, limiter
            )
        if connected:
            await send_answer(scoring.answer(media_types.response), model_version, send)


def _score_json(
    model_version: ModelVersion, body: bytes, scoring: TableScorer, charge: Charge
) -> None:
    scoring.add(in_blocks(model_version.parser.parse(body, charge).values))
    scoring.finish()


def _reader(media_type: str, model_version: ModelVersion, settings: Settings) -> TableReader:
    schema = model_version.predictor.schema
    if media_type == CSV:
        return CsvReader(schema)
    if media_type == ARROW:
        from service.codecs.tabular.arrow import ArrowReader

        return ArrowReader(schema, settings.max_body_bytes)
    return NdjsonReader(model_version.parser.rows)


def _writer(
    media_type: str, model_version: ModelVersion, threshold: float, *, mark: bool
) -> TableWriter:
    schema = model_version.predictor.schema
    if media_type == CSV:
        return CsvWriter(schema.target, threshold, mark=mark)
    if media_type == ARROW:
        from service.codecs.tabular.arrow import ArrowWriter

        return ArrowWriter(schema.target, threshold, mark=mark)
    if media_type == NDJSON:
        return NdjsonWriter(model_version.encoder, threshold)
    return json_writer(model_version, threshold)


def _require_arrow(media_types: NegotiatedTypes) -> None:
    """Import pyarrow on first use, which takes a while. Raises Problem (406, 415)."""
    # Not by catching ImportError: while the import fails in one thread, it succeeds in others.
    if all(map(find_spec, ("flatbuffers", "pyarrow"))):
        import service.codecs.tabular.arrow  # noqa: F401

        return
    needs = f"{ARROW} needs the service's arrow extra: pip install 'malignancy[arrow]'"
    if media_types.request == ARROW:
        others = [each for each in MEDIA_TYPES if each != ARROW]
        raise Problem(415, f"{needs}.", headers={"Accept": ", ".join(others)})
    raise Problem(406, f"{needs}.")

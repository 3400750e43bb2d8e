"""Answer requests whose body or answer is a table: choose reader, writer and threshold."""

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from starlette.types import Receive, Scope, Send

from service.codecs.blocks import TableReader, TableWriter
from service.codecs.charge import Charge
from service.codecs.json.names import INSTANCES
from service.codecs.negotiation import (
    ARROW,
    ARROW_FILE,
    ARROW_TYPES,
    DELIMITER_OF,
    JSON,
    MEDIA_TYPES,
    NDJSON,
    PARQUET,
    NegotiatedTypes,
)
from service.codecs.tabular.csv_reader import CsvReader
from service.codecs.tabular.csv_writer import CsvWriter
from service.codecs.tabular.ndjson import NdjsonReader, NdjsonWriter
from service.dependencies import Dependencies
from service.inference.answer import send_answer
from service.inference.execution import (
    INLINE_BYTES,
    INLINE_VALUES,
    is_short,
    max_json_rows,
    max_lines,
    run_work,
)
from service.inference.files import FileReader, score_file
from service.inference.instances import json_writer
from service.inference.request_body import peek, read_body
from service.inference.response_spool import MEMORY_BYTES, ResponseSpool
from service.inference.streaming import TableScorer, score_body
from service.overload.memory import request_lease
from service.overload.threads import run_in_thread
from service.problems import FieldError, Problem
from service.registry.model_version import ModelVersion
from service.settings import Settings

ARROW_MODULES: Final = (
    "service.codecs.tabular.arrow_file",
    "service.codecs.tabular.arrow_reader",
    "service.codecs.tabular.arrow_writer",
    "service.codecs.tabular.parquet_reader",
)
MAGIC_BYTES: Final = {b"ARROW1": ARROW_FILE, b"PAR1": PARQUET}  # that a file begins with
INVALID_ROW_COST: Final = 8  # of a table, in valid rows: all errors of a block are found
_imported: set[str] = set()


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
    if media_types.request in ARROW_TYPES or media_types.response in ARROW_TYPES:
        await _require_arrow(media_types)
    body_type = media_types.request
    if body_type in ARROW_TYPES:
        start, receive = await peek(receive, max(map(len, MAGIC_BYTES)))
        is_of = (kind for magic, kind in MAGIC_BYTES.items() if start.startswith(magic))
        body_type = next(is_of, ARROW)
    recording = model_version.begin_recording(threshold)
    name = None if recording is None else recording.id
    writer = _writer(media_types.response, model_version, threshold, name, mark=mark)
    with ResponseSpool(dependencies.spools) as spool:
        scoring = TableScorer(model_version, threshold, writer, spool, recording, mark=mark)
        if body_type == JSON:
            body = await read_body(scope, receive, settings.max_body_bytes)
            connected = body is not None
            if body is not None:
                features = len(model_version.predictor.schema.features)
                short = is_short(body, features, max_json_rows)
                await run_work(limiter, short, partial(_score_json, model_version, body, scoring))
                del body
        elif body_type in MAGIC_BYTES.values():
            file_reader = _file_reader(body_type, model_version, settings)
            with ResponseSpool(dependencies.spools) as file:
                connected = await score_file(
                    file_reader, scoring, file, scope, receive, settings.max_stream_bytes, limiter
                )
        else:
            has_header = media_types.has_header
            reader = _reader(body_type, model_version, settings, has_header=has_header)
            short_body = partial(_is_short, body_type, model_version)
            connected = await score_body(
                reader, scoring, scope, receive, settings.max_stream_bytes, limiter, short_body
            )
        if connected:
            request_lease.get().resize(spool.memory_bytes)
            await send_answer(scoring.answer(media_types.content_type), model_version, send)


def _score_json(
    model_version: ModelVersion, body: bytes, scoring: TableScorer, charge: Charge
) -> None:
    charge(MEMORY_BYTES)
    rows = model_version.parser.parse(body, charge)
    if rows.threshold is not None:
        rule = "must be in the query if the answer is a table: ?threshold="
        raise Problem.invalid([FieldError(field=rows.threshold[0], rule=rule)])
    scoring.rows_path = "" if rows.single else INSTANCES
    scoring.add([rows.block], charge)
    scoring.finish(charge)


def _reader(
    media_type: str, model_version: ModelVersion, settings: Settings, *, has_header: bool
) -> TableReader:
    rows = model_version.parser.rows
    if media_type in DELIMITER_OF:
        return CsvReader(rows.rules, DELIMITER_OF[media_type], has_header=has_header)
    if media_type == ARROW:
        from service.codecs.tabular.arrow_reader import ArrowReader

        return ArrowReader(rows.rules, settings.max_body_bytes)
    return NdjsonReader(rows)


def _file_reader(media_type: str, model_version: ModelVersion, settings: Settings) -> FileReader:
    rules = model_version.parser.rows.rules
    if media_type == PARQUET:
        from service.codecs.tabular.parquet_reader import ParquetReader

        return ParquetReader(rules, settings.max_body_bytes)
    from service.codecs.tabular.arrow_file import ArrowFileReader

    return ArrowFileReader(rules, settings.max_body_bytes)


def _writer(
    media_type: str,
    model_version: ModelVersion,
    threshold: float,
    name: str | None = None,
    *,
    mark: bool,
) -> TableWriter:
    target, facts = model_version.predictor.schema.target, model_version.facts(threshold, name)
    if media_type in DELIMITER_OF:
        delimiter = DELIMITER_OF[media_type] or ","
        return CsvWriter(target, threshold, facts, mark=mark, delimiter=delimiter)
    if media_type in ARROW_TYPES:
        from service.codecs.tabular.arrow_writer import ArrowWriter

        return ArrowWriter(target, threshold, facts, mark=mark, media_type=media_type)
    if media_type == NDJSON:
        return NdjsonWriter(model_version.encoder, threshold, facts)
    return json_writer(model_version, threshold, name)


def _is_short(media_type: str, model_version: ModelVersion, body: bytes) -> bool:
    """Return True if a whole table can be scored in the event loop."""
    features = INVALID_ROW_COST * len(model_version.predictor.schema.features)
    if media_type == ARROW:  # its rows may be smaller than a byte
        return len(body) < INLINE_BYTES and _max_arrow_rows(body) * features <= INLINE_VALUES
    return is_short(body, features, max_lines)


def _max_arrow_rows(body: bytes) -> int:
    from service.codecs.tabular.arrow_framing import declared_rows

    rows = declared_rows(body, 8 * INLINE_VALUES)
    return INLINE_VALUES + 1 if rows is None else rows


async def _require_arrow(media_types: NegotiatedTypes) -> None:
    """Import pyarrow in a thread, since it takes a while. Raises Problem (406, 415)."""
    # Not by catching ImportError: while the import fails in one thread, it succeeds in others.
    if all(map(find_spec, ("flatbuffers", "pyarrow"))):
        for module in ARROW_MODULES:
            if module not in _imported:
                await run_in_thread(import_module, module)
                _imported.add(module)
        return
    is_request = media_types.request in ARROW_TYPES
    media_type = media_types.request if is_request else media_types.response
    needs = f"{media_type} needs the service's arrow extra: pip install 'malignancy[arrow]'"
    if is_request:
        others = [each for each in MEDIA_TYPES if each not in ARROW_TYPES]
        raise Problem(415, f"{needs}.", headers={"Accept": ", ".join(others)})
    raise Problem(406, f"{needs}.")

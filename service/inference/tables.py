"""Requests whose body or answer is a table: which reader, which writer, and what the query asks."""

from importlib.util import find_spec

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from service.codecs.negotiation import ARROW, CSV, JSON, MEDIA_TYPES, NDJSON, Exchange
from service.codecs.tabular.blocks import Reader, Writer
from service.codecs.tabular.csv import CsvReader, CsvWriter
from service.codecs.tabular.ndjson import JsonWriter, NdjsonReader, NdjsonWriter
from service.inference.request_body import read_body
from service.inference.response_spool import Spool
from service.inference.streaming import Scoring, in_blocks, score_body, send_spooled
from service.overload.limiter import Capacity
from service.problems import Problem
from service.registry.served_model import Served
from service.settings import Settings


async def answer_table(
    served: Served,
    exchange: Exchange,
    settings: Settings,
    capacity: Capacity,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer one ASGI request. Raises Problem (4xx, 507)."""
    threshold, mark = served.thresholds.asked_of_table(scope["query_string"])
    if ARROW in exchange:
        await run_in_threadpool(_require_arrow, exchange)
    writer = _writer(exchange.answer, served, threshold, mark=mark)
    with Spool() as spool:
        scoring = Scoring(served, threshold, writer, spool, mark=mark)
        if exchange.body == JSON:
            body = await read_body(scope, receive, settings.max_body_bytes, capacity)
            here = body is not None
            if body is not None:
                await capacity.run(_score_json, served, body, scoring)
        else:
            reader = _reader(exchange.body, served, settings)
            here = await score_body(
                reader, scoring, scope, receive, settings.max_stream_bytes, capacity
            )
        if here:
            await send_spooled(spool, exchange.answer, send)


def _score_json(served: Served, body: bytes, scoring: Scoring) -> None:
    scoring.add(in_blocks(served.contract.parse(body).values))
    scoring.finish()


def _reader(media_type: str, served: Served, settings: Settings) -> Reader:
    schema = served.predictor.schema
    if media_type == CSV:
        return CsvReader(schema)
    if media_type == ARROW:
        from service.codecs.tabular.arrow import ArrowReader

        return ArrowReader(schema, settings.max_body_bytes)
    return NdjsonReader(schema, served.block_contract)


def _writer(media_type: str, served: Served, threshold: float, *, mark: bool) -> Writer:
    schema = served.predictor.schema
    if media_type == CSV:
        return CsvWriter(schema.target, threshold, mark=mark)
    if media_type == ARROW:
        from service.codecs.tabular.arrow import ArrowWriter

        return ArrowWriter(schema.target, threshold, mark=mark)
    if media_type == NDJSON:
        return NdjsonWriter(schema, threshold)
    return JsonWriter(
        schema, threshold, {**served.thresholds.told(threshold), "model": served.title}
    )


def _require_arrow(exchange: Exchange) -> None:
    """Import pyarrow the first time, which takes a while. Raises Problem (406, 415)."""
    # To try and see would not do: while it fails in one thread, it passes in others.
    if find_spec("pyarrow") is not None:
        import service.codecs.tabular.arrow  # noqa: F401

        return
    needs = f"{ARROW} needs the service's arrow extra: pip install 'malignancy[arrow]'"
    if exchange.body == ARROW:
        others = [each for each in MEDIA_TYPES if each != ARROW]
        raise Problem(415, f"{needs}.", headers={"Accept": ", ".join(others)})
    raise Problem(406, f"{needs}.")

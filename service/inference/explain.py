"""Answer a request for explanations: in parts, between which other requests are worked on."""

import asyncio
from time import thread_time
from typing import Final

from starlette.types import Receive

from model.explanation.parts import Parts
from service.codecs.charge import Charge
from service.inference.answer import Answer
from service.inference.explain_query import ExplainQuery
from service.overload.limiter import WorkLimiter
from service.overload.memory import request_lease
from service.registry.model_version import ModelVersion

PART_SECONDS: Final = 0.005  # CPU time of the parts that a thread runs in a row


async def answer_explain(
    model_version: ModelVersion,
    body: bytes,
    query: ExplainQuery,
    limiter: WorkLimiter,
    receive: Receive,
) -> Answer | None:
    """Explain the instances of a JSON body in threads, in parts.

    Args:
        model_version: The model that predicts.
        body: The request body, JSON text.
        query: What to explain.
        limiter: The threads.
        receive: The ASGI receive function.

    Returns:
        The answer, or None if the client disconnected.

    Raises:
        Problem: The body is malformed (400) or breaks a rule of the schema (422), no thread is
            free in time, or the memory for requests is full (503).
    """
    with limiter.in_parts() as work, request_lease.get().ledger.lease() as memory:
        parts = _explain(model_version, body, query, memory.add)

        def run_some() -> Answer | None:
            """Run parts for a while; return the answer if it is complete."""
            end = thread_time() + PART_SECONDS
            while thread_time() < end:
                try:
                    next(parts)
                except StopIteration as finished:
                    answer: Answer = finished.value
                    return answer
            return None

        disconnected = asyncio.ensure_future(receive())
        try:
            while (answer := await work.run(run_some)) is None:
                if disconnected.done():
                    return None
        finally:
            disconnected.cancel()
    return answer


def _explain(
    model_version: ModelVersion, body: bytes, query: ExplainQuery, charge: Charge
) -> Parts[Answer]:
    """Import the explanations in the thread of the first request, since they take 0.5 MB."""
    from service.inference.explanations import explain

    return (yield from explain(model_version, body, query, charge))

"""Explain the instances of a JSON body: in parts, between which other requests are worked on."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from time import thread_time
from typing import Final

import numpy as np
from pydantic_core import to_json
from starlette.types import Receive

from model.errors import DataError
from model.explanation.certainty import Evidence, certainty
from model.explanation.counterfactuals import counterfactuals
from model.explanation.curves import PartialDependence, curves_of, partial_dependences
from model.explanation.neighbours import neighbours_of
from model.explanation.parts import Parts
from model.explanation.reference import REFERENCES, Reference, reference_of
from model.explanation.sampling import SECONDS, shapley_values
from model.explanation.shapley import work_bytes
from model.prediction.predictor import Predictor
from model.prediction.target import Regression
from service.codecs.blocks import ScoredBlock
from service.codecs.charge import Charge
from service.codecs.json.explanations import ExplanationEncoder
from service.inference.answer import Answer
from service.overload.limiter import WorkLimiter
from service.overload.memory import request_lease
from service.problems import FieldError, Problem
from service.registry.model_version import ModelVersion
from service.registry.thresholds import read_query

SHAPLEY, COUNTERFACTUALS, CURVES = "shapley", "counterfactuals", "curves"
CERTAINTY, NEIGHBOURS = "certainty", "neighbours"
KINDS: Final = (SHAPLEY, COUNTERFACTUALS, CURVES, CERTAINTY, NEIGHBOURS)
DEFAULT_KINDS: Final = (SHAPLEY, COUNTERFACTUALS, CERTAINTY)
PART_SECONDS: Final = 0.005  # CPU time of the parts that a thread runs in a row
SAMPLING_SECONDS: Final = 1.0  # CPU time of all sampled Shapley values of a request


@dataclass(frozen=True, slots=True)
class ExplainQuery:
    """What to explain.

    Attributes:
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        reference: The reference rows of Shapley values.
        kinds: Kinds of explanations, of `KINDS`.
    """

    threshold: float
    reference: Reference
    kinds: Collection[str]


def parse_explain_query(model_version: ModelVersion, query: bytes) -> ExplainQuery:
    """Parse the query string of a request for explanations.

    Args:
        model_version: The model that predicts.
        query: Query string without "?".

    Raises:
        Problem: 422, because the query is invalid, or the model does not have what it names.
    """
    given = read_query(query, "threshold", "reference", "include")
    predictor = model_version.predictor
    threshold = model_version.thresholds.resolve(given.get("threshold"))
    usual = REFERENCES[0] if predictor.sample is not None else "typical"
    try:
        reference = reference_of(predictor, given.get("reference", usual))
    except DataError as error:
        raise Problem.invalid([FieldError(field="reference", rule=str(error))]) from None
    known = kinds_of(predictor)
    if "include" not in given:
        return ExplainQuery(threshold, reference, [kind for kind in DEFAULT_KINDS if kind in known])
    kinds = given["include"].split(",")
    if not set(kinds) <= set(known):
        rule = f"must hold some of {', '.join(known)}, separated by commas"
        raise Problem.invalid([FieldError(field="include", rule=rule)])
    return ExplainQuery(threshold, reference, kinds)


def kinds_of(predictor: Predictor) -> list[str]:
    """Return the kinds of explanations that a model has: numbers have no counterfactuals."""
    has_labels = not isinstance(predictor.schema.target, Regression)
    return [kind for kind in KINDS if has_labels or kind != COUNTERFACTUALS]


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
        parts = explain(model_version, body, query, memory.add)

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


def explain(
    model_version: ModelVersion, body: bytes, query: ExplainQuery, charge: Charge
) -> Parts[Answer]:
    """Explain the instances of a JSON body.

    Args:
        model_version: The model that predicts.
        body: The request body, JSON text.
        query: What to explain.
        charge: Called with the memory of rows, explanations and answer.

    Returns:
        The answer.

    Raises:
        Problem: The body is malformed (400) or breaks a rule of the schema (422), or the memory
            for requests is full (503).
    """
    predictor, threshold = model_version.predictor, query.threshold
    encoder = ExplanationEncoder(predictor)
    rows = model_version.explain_parser.parse(body, charge)
    if rows.threshold is not None:
        threshold = model_version.thresholds.from_field(*rows.threshold)
    charge(work_bytes(predictor, query.reference))
    scored = ScoredBlock(rows.block, model_version.predict(rows.values), None)
    answers = model_version.encoder.answers(scored, threshold)
    evidence = yield from _evidence(model_version)
    seconds = min(SECONDS, SAMPLING_SECONDS / max(rows.count, 1))
    for answer, row in zip(answers, rows.values, strict=True):
        inputs = predictor.encode(row[np.newaxis])
        if SHAPLEY in query.kinds:
            values = yield from shapley_values(predictor, inputs, query.reference, seconds=seconds)
            answer[SHAPLEY] = encoder.shapley(values)
        if COUNTERFACTUALS in query.kinds:
            found = yield from counterfactuals(predictor, row, threshold, evidence.distance)
            answer[COUNTERFACTUALS] = encoder.counterfactuals(found, threshold)
        if CURVES in query.kinds:
            curves = yield from curves_of(predictor, row)
            answer[CURVES] = encoder.curves(curves)
        if CERTAINTY in query.kinds:
            sure = certainty(predictor, evidence, row, inputs, threshold)
            answer[CERTAINTY] = encoder.certainty(sure, evidence)
        if NEIGHBOURS in query.kinds:
            (prediction,) = predictor.predict_inputs(inputs)
            similar = neighbours_of(predictor.schema.target, evidence.held_out, prediction)
            answer[NEIGHBOURS] = encoder.neighbours(similar, evidence)
        yield
    document = {"explanations": answers, "reference": encoder.reference(query.reference)}
    if CURVES in query.kinds:
        dependences = yield from _partial_dependences(model_version)
        document["partial_dependence"] = encoder.partial_dependences(dependences)
    text = to_json(document)[:-1] + model_version.end_of_answer(threshold)
    return Answer([text], rows.count, {})


def _evidence(model_version: ModelVersion) -> Parts[Evidence]:
    """Return the evidence of a model, computed at the first request."""
    if model_version.evidence is None:
        model_version.evidence = yield from Evidence.of(model_version.predictor)
    return model_version.evidence


def _partial_dependences(model_version: ModelVersion) -> Parts[list[PartialDependence]]:
    """Return the partial dependences of a model, computed at the first request."""
    if model_version.partial_dependences is None:
        found = yield from partial_dependences(model_version.predictor)
        model_version.partial_dependences = found
    return model_version.partial_dependences

"""Explain the instances of a JSON body: predictions, and the explanations that a request names."""

from typing import Final

import numpy as np
from pydantic_core import to_json

from model.explanation.certainty import Evidence, certainty
from model.explanation.counterfactuals import counterfactuals
from model.explanation.curves import PartialDependence, curves_of, partial_dependences
from model.explanation.neighbours import neighbours_of
from model.explanation.parts import Parts
from model.explanation.sampling import SECONDS, shapley_values
from model.explanation.shapley import work_bytes
from service.codecs.blocks import ScoredBlock
from service.codecs.charge import Charge
from service.codecs.json.explanations import ExplanationEncoder
from service.inference.answer import Answer
from service.inference.explain_query import (
    CERTAINTY,
    COUNTERFACTUALS,
    CURVES,
    NEIGHBOURS,
    SHAPLEY,
    ExplainQuery,
)
from service.registry.model_version import ModelVersion

SAMPLING_SECONDS: Final = 1.0  # CPU time of all sampled Shapley values of a request


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

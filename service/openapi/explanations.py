"""OpenAPI operations that explain: /explain of each model."""

from collections.abc import Iterable, Mapping
from functools import partial

from model.explanation.reference import references_of
from model.prediction.predictor import Predictor
from service.codecs.negotiation import JSON
from service.inference.explain_query import DEFAULT_KINDS, kinds_of
from service.openapi.examples import PredictionExamples
from service.openapi.parameters import name_parameter, threshold_parameters, version_parameter
from service.openapi.problem_responses import problem_responses
from service.openapi.schemas.json_schema import (
    Json,
    any_of_models,
)
from service.openapi.tags import PREDICT
from service.registry.model_version import MAX_EXPLAINED_ROWS
from service.registry.registry import ModelRegistry

_EXPLAIN = f"""\
Why a prediction is what it is, what would change it, and how sure it is, of 1 to
{MAX_EXPLAINED_ROWS} instances.

A Shapley value is how much a feature moves the prediction away from the mean prediction of the
reference rows; it describes the model, and no cause. A counterfactual is what would change the
model's answer; it is no advice. A prediction set includes the true label in the stated share of
the cases of each label; a set of several labels means that the model cannot decide."""


def explanation_paths(
    models: ModelRegistry, prefixes: Mapping[str, str], examples: PredictionExamples
) -> Json:
    """Return the paths that explain.

    Args:
        models: The models in service.
        prefixes: Prefix of the names of each model's schemas, by model; the default model first.
        examples: Examples for the default model.
    """
    default = {models.default.predictor.name: ""}
    name, version = name_parameter(models), version_parameter(models)
    # Explanations take most of the time of the document: they are computed once for all paths.
    requests, answers = examples.explain_requests(), examples.explain_responses()
    operation = partial(_explain, models, requests, answers)
    by_name, by_version = "/models/{name}/explain", "/models/{name}/versions/{version}/explain"
    return {
        "/explain": {"post": operation(default, "explain", "Explain one or many predictions", ())},
        by_name: {
            "post": operation(
                prefixes, "explain_by_name", "Explain predictions of a model", (name,)
            )
        },
        by_version: {
            "post": operation(
                prefixes,
                "explain_by_version",
                "Explain predictions of a version of a model",
                (name, version),
            )
        },
    }


def _explain(
    models: ModelRegistry,
    requests: Json,
    answers: Json,
    prefixes: Mapping[str, str],
    operation_id: str,
    summary: str,
    path_parameters: Iterable[Json],
) -> Json:
    any_of = partial(any_of_models, prefixes.values())
    body = {JSON: {"schema": any_of("Instance", "ExplainInstances"), "examples": requests}}
    answer = {JSON: {"schema": any_of("Explanations"), "examples": answers}}
    not_found = (404,) if path_parameters else ()
    return {
        "summary": summary,
        "description": _EXPLAIN,
        "operationId": operation_id,
        "tags": [PREDICT],
        "parameters": [
            *path_parameters,
            *threshold_parameters(map(models.find, prefixes)),
            *_parameters([models.find(name).predictor for name in prefixes]),
        ],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "OK", "content": answer},
            **problem_responses(400, *not_found, 406, 413, 415, 422, 503),
        },
    }


def _parameters(predictors: list[Predictor]) -> list[Json]:
    """Return the query parameters of a path that serves these models."""
    references = dict.fromkeys(name for each in predictors for name in references_of(each))
    kinds = dict.fromkeys(kind for each in predictors for kind in kinds_of(each))
    return [
        {
            "name": "reference",
            "in": "query",
            "required": False,
            "description": "The rows that Shapley values compare with: training rows in which "
            "each class has its share (the default), those of one label of two, or one typical "
            "row.",
            "schema": {"type": "string", "enum": [*references]},
        },
        {
            "name": "include",
            "in": "query",
            "required": False,
            "description": "Kinds of explanations. Default: "
            f"{', '.join(kind for kind in DEFAULT_KINDS if kind in kinds)}.",
            "style": "form",
            "explode": False,
            "schema": {
                "type": "array",
                "items": {"type": "string", "enum": [*kinds]},
                "minItems": 1,
            },
        },
    ]

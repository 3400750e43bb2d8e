"""OpenAPI operations that explain: /explain of each model."""

from collections.abc import Iterable, Mapping
from functools import partial

from model.explanation.reference import REFERENCES
from service.codecs.negotiation import JSON
from service.inference.explain import DEFAULT_KINDS, KINDS
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
_REFERENCE: Json = {
    "name": "reference",
    "in": "query",
    "required": False,
    "description": "The rows that Shapley values compare with: training rows in which each class "
    "has its share (the default), those of one label of two, or one typical row.",
    "schema": {"type": "string", "enum": list(REFERENCES)},
}
_INCLUDE: Json = {
    "name": "include",
    "in": "query",
    "required": False,
    "description": f"Kinds of explanations, separated by commas: {', '.join(KINDS)}. Default: "
    f"{', '.join(DEFAULT_KINDS)}, without counterfactuals for numbers.",
    "schema": {"type": "string"},
    "example": ",".join(DEFAULT_KINDS),
}


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
    operation = partial(_explain, models, examples)
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
    examples: PredictionExamples,
    prefixes: Mapping[str, str],
    operation_id: str,
    summary: str,
    path_parameters: Iterable[Json],
) -> Json:
    any_of = partial(any_of_models, prefixes.values())
    requests, answers = examples.explain_requests(), examples.explain_responses()
    body = {JSON: {"schema": any_of("Instance", "Instances"), "examples": requests}}
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
            _REFERENCE,
            _INCLUDE,
        ],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "OK", "content": answer},
            **problem_responses(400, *not_found, 406, 413, 415, 422, 503),
        },
    }

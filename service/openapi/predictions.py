"""OpenAPI operations that predict: /predict of each model."""

from collections.abc import Iterable, Mapping
from functools import partial

from service.codecs.negotiation import JSON
from service.openapi.examples import PredictionExamples
from service.openapi.parameters import (
    ON_ERROR_PARAMETER,
    SUBJECT_PARAMETER,
    name_parameter,
    threshold_parameters,
    version_parameter,
)
from service.openapi.problem_responses import problem_responses
from service.openapi.schemas.json_schema import Json, any_of_models
from service.openapi.tabular import table_requests, table_responses
from service.openapi.tags import PREDICT
from service.registry.registry import ModelRegistry

_PREDICT = """\
One instance gets one prediction; many instances get a list of predictions in the same order. A row
of a table gets a row of predictions.

Content-Type is the media type of the body, and Accept that of the answer; by default, both are
equal. CSV, NDJSON and Arrow may have any number of rows."""


def prediction_paths(
    models: ModelRegistry, prefixes: Mapping[str, str], examples: PredictionExamples
) -> Json:
    """Return the paths that predict.

    A path with a model's name in it accepts the instances of any model.

    Args:
        models: The models in service.
        prefixes: Prefix of the names of each model's schemas, by model; the default model first.
        examples: Examples for the default model.
    """
    default = {models.default.predictor.name: ""}
    name, version = name_parameter(models), version_parameter(models)
    by_name = "/models/{name}"
    return {
        "/predict": {
            "post": _predict(
                models, default, examples, "predict", "Predict one or many instances", ()
            )
        },
        f"{by_name}/predict": {
            "post": _predict(
                models,
                prefixes,
                examples,
                "predict_by_name",
                "Predict one or many instances with a model",
                (name,),
            )
        },
        f"{by_name}/versions/{{version}}/predict": {
            "post": _predict(
                models,
                prefixes,
                examples,
                "predict_by_version",
                "Predict one or many instances with a version of a model",
                (name, version),
            )
        },
    }


def _predict(
    models: ModelRegistry,
    prefixes: Mapping[str, str],
    examples: PredictionExamples,
    operation_id: str,
    summary: str,
    path_parameters: Iterable[Json],
) -> Json:
    any_of = partial(any_of_models, prefixes.values())
    body = {JSON: {"schema": any_of("Instance", "Instances")}, **table_requests(any_of)}
    body[JSON]["examples"] = examples.json_requests()
    examples.add_table_requests(body)
    answer = {
        JSON: {"schema": any_of("Answer", "Answers", "TableAnswers")},
        **table_responses(any_of),
    }
    answer[JSON]["examples"] = examples.json_responses()
    examples.add_table_responses(answer)
    not_found = (404,) if path_parameters else ()
    return {
        "summary": summary,
        "description": _PREDICT,
        "operationId": operation_id,
        "tags": [PREDICT],
        "parameters": [
            *path_parameters,
            *threshold_parameters(map(models.find, prefixes)),
            ON_ERROR_PARAMETER,
            SUBJECT_PARAMETER,
        ],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "OK", "content": answer},
            **problem_responses(400, *not_found, 406, 413, 415, 422, 503, 507),
        },
    }

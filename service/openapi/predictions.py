"""OpenAPI operations that predict: /predict of each model, and MLflow's /invocations."""

from collections.abc import Iterable, Mapping

from service.codecs.negotiation import CSV, JSON, NDJSON, TSV
from service.openapi.examples import PredictionExamples
from service.openapi.json_schema import Json, object_of, reference
from service.openapi.parameters import (
    ON_ERROR_PARAMETER,
    name_parameter,
    threshold_parameters,
    version_parameter,
)
from service.openapi.problem_responses import problem_responses
from service.openapi.tabular import table_requests, table_responses
from service.openapi.tags import MLFLOW, PREDICT
from service.registry.registry import ModelRegistry

_PREDICT = """\
One instance gets one prediction; many instances get a list of predictions in the same order. A row
of a table gets a row of predictions.

Content-Type is the media type of the body, and Accept that of the answer; by default, both are
equal. CSV, NDJSON and Arrow may have any number of rows."""

_INVOCATIONS = """\
The scoring protocol of MLflow, for the default model: one of its JSON forms, or a table. The answer
is JSON, unless the request is a table and Accept prefers another media type."""


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
        "/invocations": {"post": _invocations(models, examples)},
    }


def _predict(
    models: ModelRegistry,
    prefixes: Mapping[str, str],
    examples: PredictionExamples,
    operation_id: str,
    summary: str,
    path_parameters: Iterable[Json],
) -> Json:
    def any_of(*names: str) -> Json:
        schemas = (prefix + name for prefix in prefixes.values() for name in names)
        return {"anyOf": [reference(schema) for schema in schemas]}

    predictor = models.default.predictor
    body = {JSON: {"schema": any_of("Instance", "Instances")}, **table_requests(predictor.schema)}
    body[JSON]["examples"] = examples.json_requests()
    body[CSV]["examples"] = examples.csv_requests()
    body[TSV]["examples"] = examples.csv_requests("\t")
    body[NDJSON]["examples"] = examples.ndjson_requests()
    answer = {
        JSON: {"schema": any_of("Answer", "Answers")},
        **table_responses(predictor.schema.target),
    }
    answer[JSON]["examples"] = examples.json_responses()
    answer[CSV]["examples"] = examples.csv_responses()
    answer[TSV]["examples"] = examples.csv_responses("\t")
    answer[NDJSON]["examples"] = examples.ndjson_responses()
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
        ],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "OK", "content": answer},
            **_problems(400, *not_found, 406, 413, 415, 422, 503, 507),
        },
    }


def _invocations(models: ModelRegistry, examples: PredictionExamples) -> Json:
    schema = models.default.predictor.schema
    rows: Json = {"type": "array", "minItems": 1}
    kinds = [rows | {"items": reference(name)} for name in ("Instance", "ArrayInstance")]
    instances: Json = {"oneOf": kinds}
    closed = {"additionalProperties": False}
    split = object_of(
        {
            "columns": {
                "description": "Names of the features, in the order of the data.",
                "const": schema.names,
            },
            "data": kinds[1],
            "index": {"type": "array"},
        },
        optional="index",
    )
    forms = {
        "dataframe_split": split | closed,
        "dataframe_records": rows | {"items": reference("Instance")},
        "instances": instances,
        "inputs": instances,
    }
    one_of = [object_of({name: form}) | closed for name, form in forms.items()]
    table = table_requests(schema)[CSV] | {"examples": examples.csv_requests()}
    body = {JSON: {"schema": {"oneOf": one_of}, "examples": examples.mlflow_requests()}, CSV: table}
    answer = {JSON: {"schema": reference("Answers"), "examples": examples.mlflow_responses()}}
    return {
        "summary": "Predict for MLflow clients",
        "description": _INVOCATIONS,
        "operationId": "invocations",
        "tags": [MLFLOW],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "OK", "content": answer},
            **_problems(400, 406, 413, 415, 422, 503, 507),
        },
    }


def _problems(*statuses: int) -> Json:
    return {str(status): response for status, response in problem_responses(*statuses).items()}

"""OpenAPI operation of MLflow's scoring protocol."""

from model.prediction.schema import Schema
from service.codecs.negotiation import CSV, JSON
from service.openapi.examples import PredictionExamples
from service.openapi.json_schema import Json, array_of, object_of, reference
from service.openapi.problem_responses import problem_responses
from service.openapi.tabular import table_requests
from service.openapi.tags import MLFLOW
from service.registry.registry import ModelRegistry

_INVOCATIONS = """\
The scoring protocol of MLflow, for the default model: one of its JSON forms, or a table. The answer
is JSON, unless the request is a table and Accept prefers another media type."""


def invocations_path(models: ModelRegistry, examples: PredictionExamples) -> Json:
    """Return the path of the protocol.

    Args:
        models: The models in service.
        examples: Examples for the default model.
    """
    forms = ("DataframeSplit", "DataframeRecords", "InvocationInstances", "InvocationInputs")
    schema: Json = {"anyOf": [reference(form) for form in forms]}
    body = {
        JSON: {"schema": schema, "examples": examples.mlflow_requests()},
        CSV: table_requests(models.default.predictor.schema)[CSV]
        | {"examples": examples.csv_requests()},
    }
    answer = {JSON: {"schema": reference("Answers"), "examples": examples.mlflow_responses()}}
    operation = {
        "summary": "Predict for MLflow clients",
        "description": _INVOCATIONS,
        "operationId": "invocations",
        "tags": [MLFLOW],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "OK", "content": answer},
            **problem_responses(400, 406, 413, 415, 422, 503, 507),
        },
    }
    return {"/invocations": {"post": operation}}


def invocation_schemas(schema: Schema) -> Json:
    """Return the schemas of MLflow's JSON forms by name.

    Args:
        schema: Features of the default model.
    """
    objects = array_of(reference("Instance")) | {"minItems": 1}
    arrays = array_of(reference("ArrayInstance")) | {"minItems": 1}
    instances: Json = {"anyOf": [objects, arrays]}
    split: Json = {
        "columns": array_of({"type": "string", "enum": list(schema.names)})
        | {"description": "Names of the features, in the order of the data.", "minItems": 1},
        "data": array_of(array_of({})) | {"minItems": 1},
        "index": array_of({}),
    }
    forms = {
        "DataframeSplit": {"dataframe_split": _closed(object_of(split, "index"))},
        "DataframeRecords": {"dataframe_records": objects},
        "InvocationInstances": {"instances": instances},
        "InvocationInputs": {"inputs": instances},
    }
    return {name: _closed(object_of(form)) for name, form in forms.items()}


def _closed(schema: Json) -> Json:
    """Return the schema of an object that has no other names."""
    return schema | {"additionalProperties": False}

"""OpenAPI operation of MLflow's scoring protocol."""

from collections.abc import Iterable
from functools import partial

from model.prediction.predictor import Predictor
from service.codecs.negotiation import JSON
from service.openapi.examples import PredictionExamples
from service.openapi.parameters import ON_ERROR_PARAMETER, SUBJECT_PARAMETER, threshold_parameters
from service.openapi.problem_responses import problem_responses
from service.openapi.schemas.json_schema import (
    CLOSED,
    Json,
    any_of_models,
    array_of,
    object_of,
    reference,
)
from service.openapi.schemas.requests import companions
from service.openapi.tabular import table_requests, table_responses
from service.openapi.tags import MLFLOW
from service.registry.registry import ModelRegistry

_FORMS = ("DataframeSplit", "DataframeRecords", "InvocationInstances", "InvocationInputs")
_INVOCATIONS = """\
The scoring protocol of MLflow, for the default model: one of its JSON forms, or a table. The answer
is JSON, unless the request is a table and Accept prefers another media type."""


def invocations_path(models: ModelRegistry, examples: PredictionExamples) -> Json:
    """Return the path of the protocol.

    Args:
        models: The models in service.
        examples: Examples for the default model.
    """
    operation = {
        "summary": "Predict for MLflow clients",
        "description": _INVOCATIONS,
        "operationId": "invocations",
        "tags": [MLFLOW],
        "parameters": [
            *threshold_parameters([models.default]),
            ON_ERROR_PARAMETER,
            SUBJECT_PARAMETER,
        ],
        "requestBody": {"required": True, "content": invocation_requests(examples, [""])},
        "responses": {
            "200": {
                "description": "OK",
                "content": invocation_responses(examples, [""]),
            },
            **problem_responses(400, 406, 413, 415, 422, 503, 507),
        },
    }
    return {"/invocations": {"post": operation}}


def invocation_requests(examples: PredictionExamples, prefixes: Iterable[str]) -> Json:
    """Return the media types of bodies: JSON in MLflow's forms, and tables.

    Args:
        examples: Examples for the default model.
        prefixes: Prefix of the names of the schemas of each model that the path serves.
    """
    any_of = partial(any_of_models, tuple(prefixes))
    content = {
        JSON: {"schema": any_of(*_FORMS), "examples": examples.mlflow_requests()},
        **table_requests(any_of),
    }
    examples.add_table_requests(content)
    return content


def invocation_responses(examples: PredictionExamples, prefixes: Iterable[str]) -> Json:
    """Return the media types of answers.

    Args:
        examples: Examples for the default model.
        prefixes: Prefix of the names of the schemas of each model that the path serves.
    """
    any_of = partial(any_of_models, tuple(prefixes))
    content = {
        JSON: {
            "schema": any_of("Answers", "TableAnswers"),
            "examples": examples.mlflow_responses(),
        },
        **table_responses(any_of),
    }
    examples.add_table_responses(content)
    return content


def invocation_schemas(predictor: Predictor, prefix: str) -> Json:
    """Return the schemas of MLflow's JSON forms by name.

    Args:
        predictor: The model.
        prefix: Prefix of the names.
    """
    names = list(predictor.schema.names)
    objects = array_of(reference(f"{prefix}Instance"))
    arrays = array_of(reference(f"{prefix}ArrayInstance"))
    split: Json = {
        "columns": array_of({"type": "string", "enum": names})
        | {"description": "Names of the features, in the order of the data.", "minItems": 1},
        "data": array_of(array_of({})),
        "index": array_of({}) | {"type": ["array", "null"]},
    }
    columns: Json = {
        "type": "object",
        "description": "Arrays of one length, by name of the feature.",
        "properties": {name: array_of({}) for name in names},
    }
    forms = {
        "DataframeSplit": {"dataframe_split": object_of(split, "index") | CLOSED},
        "DataframeRecords": {"dataframe_records": objects},
        "InvocationInstances": {"instances": {"anyOf": [objects, arrays]}},
        "InvocationInputs": {"inputs": {"anyOf": [objects, arrays, columns | CLOSED]}},
    }
    beside = companions(predictor.operating_points)
    return {
        prefix + name: object_of(form | beside, *beside) | CLOSED for name, form in forms.items()
    }

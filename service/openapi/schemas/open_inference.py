"""JSON Schema of the Open Inference Protocol."""

from service.codecs.open_inference.request import MAX_ID_CHARACTERS
from service.codecs.open_inference.tensors import DATATYPES
from service.openapi.schemas.json_schema import (
    Json,
    array_of,
    object_of,
    or_null,
    reference,
    threshold_value,
)
from service.registry.registry import ModelRegistry

_TEXT: Json = {"type": "string"}
_BOOLEAN: Json = {"type": "boolean"}
_PARAMETERS: Json = {"type": "object", "additionalProperties": True}
_SHAPE: Json = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}
_CLASSES: Json = {
    "type": ["integer", "null"],
    "minimum": 0,
    "description": "Number of the largest values of a row that are answered, as texts: value, "
    "index and name of the column, with colons between. For outputs of numbers only.",
}
_NAMED = {"name": _TEXT}


def inference_protocol_schemas(models: ModelRegistry) -> Json:
    """Return the schemas that `inference_protocol_paths` refer to."""
    versions = [model.current for model in models.by_name.values()]
    points = [name for each in versions for name in each.predictor.operating_points]
    tensor = {**_NAMED, "datatype": _TEXT, "shape": {"type": "array", "items": {"type": "integer"}}}
    metadata_tensors = {"type": "array", "items": object_of(tensor | {"parameters": _PARAMETERS})}
    data: Json = {
        "type": ["array", "null"],
        "items": {},
        "description": "Values in row-major order, flat or nested as in the shape.",
    }
    request_input = object_of(
        {
            **_NAMED,
            "datatype": {"type": "string", "enum": list(DATATYPES)},
            "shape": _SHAPE,
        }
    )
    request_input["properties"] |= {
        "data": data,
        "parameters": _optional({"binary_data_size": {"type": ["integer", "null"], "minimum": 0}}),
    }
    outputs = {
        name: None
        for each in versions
        for name in (*each.output_tensors.by_name, *each.encoder.facts.names)
    }
    request_output = object_of(
        {
            "name": {"type": "string", "enum": list(outputs)},
            "parameters": _optional({"binary_data": or_null(_BOOLEAN), "classification": _CLASSES}),
        },
        "parameters",
    )
    threshold = or_null(threshold_value(points)) | {"description": "Decision threshold."}
    request = object_of({"inputs": {"type": "array", "minItems": 1, "items": request_input}})
    request["properties"] |= {
        "id": {
            "type": ["string", "null"],
            "description": f"Repeated in the answer if it has at most {MAX_ID_CHARACTERS} "
            "characters, all of them printable.",
        },
        "parameters": _optional({"binary_data_output": or_null(_BOOLEAN), "threshold": threshold}),
        "outputs": {"type": ["array", "null"], "items": request_output},
    }
    response_output = object_of(tensor)
    response_output["properties"] |= {"data": array_of({}), "parameters": _PARAMETERS}
    index_entry = object_of({**_NAMED, "version": _TEXT, "state": _TEXT, "reason": _TEXT})
    schemas = {
        "Live": object_of({"live": _BOOLEAN}),
        "Ready": object_of({"ready": _BOOLEAN}),
        "ModelReady": object_of({"name": _TEXT, "ready": _BOOLEAN}),
        "IndexRequest": object_of({"ready": or_null(_BOOLEAN)}, "ready"),
        "Error": object_of({"error": _TEXT}),
        "Server": object_of(
            {**_NAMED, "version": _TEXT, "extensions": {"type": "array", "items": _TEXT}}
        ),
        "Model": object_of(
            {
                **_NAMED,
                "versions": {"type": "array", "items": _TEXT},
                "platform": _TEXT,
                "inputs": metadata_tensors,
                "outputs": metadata_tensors,
                "parameters": _PARAMETERS,
            }
        ),
        "Index": {"type": "array", "items": index_entry},
        "InferRequest": request,
        "InferAnswer": object_of(
            {
                "model_name": _TEXT,
                "model_version": _TEXT,
                "id": _TEXT,
                "parameters": _PARAMETERS,
                "outputs": {"type": "array", "items": response_output},
            },
            "id",
        ),
    }
    return {f"v2.{name}": schema for name, schema in schemas.items()}


def v2_reference(name: str) -> Json:
    """Return a reference to a schema of `inference_protocol_schemas`."""
    return reference(f"v2.{name}")


def _optional(properties: Json) -> Json:
    """Return the schema of an object, or null, whose properties are all optional."""
    return {"type": ["object", "null"], "properties": properties}

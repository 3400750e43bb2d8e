"""OpenAPI paths of Triton's extensions of the Open Inference Protocol."""

from service.inference.open_inference_metadata import model_config, model_statistics
from service.openapi.open_inference import inference_operation
from service.openapi.parameters import name_parameter, version_parameter
from service.openapi.schemas.json_schema import Json, array_of, object_of
from service.openapi.schemas.open_inference import v2_reference
from service.openapi.schemas.reads import COUNT
from service.registry.registry import ModelRegistry

_TEXT: Json = {"type": "string"}
_STATISTICS = "Predicted rows, and number and duration of the answered requests."


def triton_paths(models: ModelRegistry) -> Json:
    """Return the paths of the names of models, of statistics, and of configurations.

    Args:
        models: The models in service.
    """
    name, version = name_parameter(models), version_parameter(models)
    config, statistics = model_config(models.default), model_statistics([models.default], {})
    paths: Json = {
        "/v2/models": {
            "get": inference_operation(
                "models",
                "List the names of the models",
                "Names of all models, the default model first.",
                v2_reference("ModelNames"),
                {"models": list(models.by_name)},
            )
        },
        "/v2/models/stats": {
            "get": inference_operation(
                "statistics",
                "Get the statistics of all models",
                _STATISTICS,
                v2_reference("Statistics"),
                statistics,
            )
        },
    }
    for path, suffix, which, parameters in (
        ("/v2/models/{name}", "", "a model", [name]),
        ("/v2/models/{name}/versions/{version}", "_version", "a version", [name, version]),
    ):
        operation = inference_operation(
            f"model{suffix}_statistics",
            f"Get the statistics of {which}",
            _STATISTICS,
            v2_reference("Statistics"),
            statistics,
            404,
        )
        paths[f"{path}/stats"] = {"get": operation | {"parameters": parameters}}
        operation = inference_operation(
            f"model{suffix}_config",
            f"Get the configuration of {which}",
            "Input and output tensors in the form of Triton's configuration.",
            v2_reference("Config"),
            config,
            404,
        )
        paths[f"{path}/config"] = {"get": operation | {"parameters": parameters}}
    return paths


def triton_schemas() -> Json:
    """Return the schemas that `triton_paths` refer to by name."""
    tensor = object_of({"name": _TEXT, "data_type": _TEXT, "dims": array_of({"type": "integer"})})
    config = {
        "name": _TEXT,
        "platform": _TEXT,
        "backend": _TEXT,
        "max_batch_size": COUNT,
        "input": array_of(tensor),
        "output": array_of(tensor),
    }
    duration = object_of({"count": COUNT, "ns": COUNT | {"description": "Nanoseconds."}})
    kinds = (
        "success",
        "fail",
        "queue",
        "compute_input",
        "compute_infer",
        "compute_output",
        "cache_hit",
        "cache_miss",
    )
    statistics = {
        "name": _TEXT,
        "version": _TEXT,
        "inference_count": COUNT | {"description": "Predicted rows."},
        "execution_count": COUNT | {"description": "Answered requests."},
        "inference_stats": object_of(dict.fromkeys(kinds, duration)),
        "batch_stats": array_of({}),
    }
    schemas = {
        "ModelNames": {"models": array_of(_TEXT)},
        "Config": config,
        "Statistics": {"model_stats": array_of(object_of(statistics))},
    }
    return {f"v2.{name}": object_of(properties) for name, properties in schemas.items()}

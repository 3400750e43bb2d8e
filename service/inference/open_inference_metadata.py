"""Metadata of the server and its models in the Open Inference Protocol."""

from collections.abc import Iterable, Mapping
from typing import Any

from model.prediction.schema import Feature
from service.codecs.open_inference.inputs import ALL, datatypes
from service.observability.metrics import ModelStatistics
from service.problems import Problem
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry

EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "parameters",
    "statistics",
)
PLATFORM = "malignancy_numpy"


def server_metadata(version: str) -> dict[str, Any]:
    """Return name, version and extensions; of `model_repository` only the index exists."""
    return {"name": "malignancy", "version": version, "extensions": list(EXTENSIONS)}


def model_metadata(models: ModelRegistry, model_version: ModelVersion) -> dict[str, Any]:
    """Return the tensors of a model.

    One input tensor has all features. Its parameters describe the features, each of which can be
    sent as a tensor with the name of the feature instead.

    Args:
        models: All models.
        model_version: The version that is described.
    """
    predictor, thresholds = model_version.predictor, model_version.thresholds
    features = predictor.schema.features
    return {
        "name": predictor.name,
        "versions": [each.predictor.version for each in models.by_name[predictor.name].versions],
        "platform": PLATFORM,
        "inputs": [
            {
                "name": ALL,
                "datatype": "FP64",
                "shape": [-1, len(features)],
                "parameters": {"columns": [_feature_tensor(feature) for feature in features]},
            }
        ],
        "outputs": [each.described for each in model_version.output_tensors.by_name.values()],
        "parameters": {
            "version": predictor.version,
            **thresholds.as_fields(thresholds.active),
            "operating_points": dict(thresholds.operating_points),
            "row_facts": list(model_version.encoder.facts.names),
        },
    }


def model_config(model_version: ModelVersion) -> dict[str, Any]:
    """Return the tensors of a model in Triton's form, without the dimension of the rows."""
    predictor = model_version.predictor
    return {
        "name": predictor.name,
        "platform": PLATFORM,
        "backend": "malignancy",
        "max_batch_size": model_version.max_rows,
        "input": [{"name": ALL, "data_type": "TYPE_FP64", "dims": [model_version.features]}],
        "output": [
            {
                "name": output.name,
                "data_type": "TYPE_STRING" if output.texts else f"TYPE_{output.datatype}",
                "dims": [len(output.columns) or 1],
            }
            for output in model_version.output_tensors.by_name.values()
        ],
    }


def model_statistics(
    model_versions: Iterable[ModelVersion], by_title: Mapping[str, ModelStatistics]
) -> dict[str, Any]:
    """Return the statistics of versions in Triton's form.

    The duration of a request is not divided, so all of it counts as `compute_infer`. Failed
    requests are not counted by model.

    Args:
        model_versions: The versions.
        by_title: Statistics by the titles of models; versions without predictions may be absent.
    """
    return {"model_stats": [_statistics(each, by_title) for each in model_versions]}


def _statistics(
    model_version: ModelVersion, by_title: Mapping[str, ModelStatistics]
) -> dict[str, Any]:
    predictor = model_version.predictor
    statistics = by_title.get(model_version.title, ModelStatistics())
    whole = {"count": statistics.requests, "ns": round(statistics.seconds * 1e9)}
    part, none = {"count": statistics.requests, "ns": 0}, {"count": 0, "ns": 0}
    return {
        "name": predictor.name,
        "version": predictor.version,
        "inference_count": statistics.rows,
        "execution_count": statistics.requests,
        "inference_stats": {
            "success": whole,
            "fail": none,
            "queue": part,
            "compute_input": part,
            "compute_infer": whole,
            "compute_output": part,
            "cache_hit": none,
            "cache_miss": none,
        },
        "batch_stats": [],
    }


def repository_index(models: ModelRegistry, ready_only: bool) -> list[dict[str, str]]:
    """Return every version of every model.

    Args:
        models: All models.
        ready_only: Whether to leave out versions that are not ready.
    """
    versions = [each for model in models.by_name.values() for each in model.versions]
    index = []
    for model_version in versions:
        state, reason = "READY", ""
        try:
            model_version.require_ready()
        except Problem as problem:
            state, reason = "UNAVAILABLE", problem.detail
        if state == "READY" or not ready_only:
            predictor = model_version.predictor
            index.append(
                {
                    "name": predictor.name,
                    "version": predictor.version,
                    "state": state,
                    "reason": reason,
                }
            )
    return index


def _feature_tensor(feature: Feature) -> dict[str, Any]:
    """Return a feature as a separate tensor."""
    facts = {
        "rule": feature.rule,
        "may_be_missing": feature.may_be_missing,
        "minimum": feature.minimum,
        "maximum": feature.maximum,
        "unit": feature.unit,
        "categories": list(feature.categories) or None,
    }
    return {
        "name": feature.name,
        "datatype": datatypes(feature)[-1],
        "shape": [-1, 1],
        "parameters": {name: fact for name, fact in facts.items() if fact is not None},
    }

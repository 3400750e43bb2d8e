"""Metadata of the server and its models in the Open Inference Protocol."""

from typing import Any

from model.prediction.schema import Feature
from service.codecs.open_inference.inputs import ALL, datatypes
from service.problems import Problem
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry

EXTENSIONS = ("binary_tensor_data", "classification", "model_repository", "parameters")
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
        },
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

"""A candidate that differs from a model by its weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from model.artifacts import artifact
from model.prediction.predictor import Predictor


def candidate_of(predictor: Predictor, path: Path, **changes: Any) -> Predictor:
    """Save a version with other weights, and return the loaded artifact.

    Args:
        predictor: The model.
        path: The file of the artifact.
        **changes: Further changes of the predictor.
    """
    changed = replace(predictor, theta=predictor.theta * 0.9, version="", **changes)
    rows = changed.self_test.rows
    self_test = replace(changed.self_test, predictions=changed.predict(rows))
    artifact.save(replace(changed, self_test=self_test), path)
    return artifact.load(path)

"""The gate of promotion: a candidate beside the active version, on rows that both hold."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from model.artifacts.repository import POINTER, artifacts_in, current_artifact
from model.errors import ArtifactError
from model.metrics.comparison import PairedRows, compare
from model.prediction.other_rows import answer_names
from model.prediction.predictor import Predictor, ScoredRows

PARTS: Final = ("test", "validation")  # in the order of preference: nothing has seen test rows


def active_beside(file: Path) -> Path | None:
    """Return the active version of an artifact's folder; None without another one than the file.

    Args:
        file: The artifact that may become active.

    Raises:
        ArtifactError: The folder cannot be read, or has several other artifacts and no pointer.
    """
    folder = file.parent
    if (folder / POINTER).exists():
        active = current_artifact(folder)
        return None if active.name == file.name else active
    others = [each for each in artifacts_in(folder) if each.name != file.name]
    if len(others) > 1:
        current_artifact(folder)  # raises the error
    return others[0] if others else None


def compare_artifacts(active: Predictor, candidate: Predictor) -> dict[str, Any]:
    """Return the comparison of two versions on the test rows, or else on the validation rows.

    Each version has its own decision threshold.

    Args:
        active: The first version.
        candidate: The second version.

    Returns:
        `part`, the name of the rows, and what `model.metrics.comparison.compare` returns.

    Raises:
        ArtifactError: The versions do not hold the same rows, so their figures differ by chance.
    """
    for part in PARTS:
        first, second = active.parts.get(part), candidate.parts.get(part)
        if first is None or second is None or not _are_same(active, candidate, first, second):
            continue
        rows = PairedRows(
            active.schema.target,
            first.predictions,
            second.predictions,
            np.full(len(first.targets), active.threshold),
            first.groups,
            first.targets,
            np.ones(len(first.targets), dtype=bool),
            np.full(len(first.targets), candidate.threshold),
        )
        return {"part": part, **compare(rows)}
    raise ArtifactError(
        "the two versions have no test or validation rows in common, so they cannot be compared by "
        "their artifacts; malignancy replay compares them by stored inputs"
    )


def _are_same(
    active: Predictor, candidate: Predictor, first: ScoredRows, second: ScoredRows
) -> bool:
    """Return whether two sets of rows are the same rows of the same table, in the same order."""
    return (
        answer_names(active.schema) == answer_names(candidate.schema)
        and active.facts.get("data") == candidate.facts.get("data")
        and len(first.targets) > 0
        and np.array_equal(first.targets, second.targets)
        and np.array_equal(first.groups, second.groups)
    )

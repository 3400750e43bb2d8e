"""Upgrade of older artifact formats: one function for each format number.

- Format 1: numbers only, two classes, a scaler of each feature.
- Format 2: an encoder with transforms; categories and booleans.
- Format 3: a target of any task. Its first artifacts have no calibration, no groups and no marks of
  imputed rows.

The results are as untrusted as the file: the loader validates them as it does those of the current
format.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.errors import ArtifactError

FORMAT: Final = 3  # what is written
OLDEST_FORMAT: Final = 1
_FIRST_FACT: Final = '"complete_rows"'  # only in artifacts that need an upgrade


def upgrade_metadata(text: str, number: int) -> str:
    """Return the metadata of an artifact as the current format has it.

    Args:
        text: The metadata, JSON.
        number: The artifact's format, from 1 to 3.

    Raises:
        ArtifactError: The text is not JSON, or not the metadata of this format.
    """
    if number == FORMAT and _FIRST_FACT not in text:
        return text
    try:
        metadata = json.loads(text)
        for upgrade in _METADATA[number - OLDEST_FORMAT :]:
            upgrade(metadata)
        return json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise ArtifactError(f"invalid metadata of format {number}") from None


def upgrade_arrays(arrays: Mapping[str, Array], number: int) -> dict[str, Array]:
    """Return the arrays of an artifact as the current format has them.

    Args:
        arrays: The arrays by name.
        number: The artifact's format, from 1 to 3.

    Raises:
        ArtifactError: An array is missing, or has a shape that no artifact of this format has.
    """
    upgraded = dict(arrays)
    try:
        for upgrade in _ARRAYS[number - OLDEST_FORMAT :]:
            upgrade(upgraded)
    except (KeyError, TypeError, ValueError):
        raise ArtifactError("the archive must hold exactly the arrays of an artifact") from None
    return upgraded


def _metadata_of_2(metadata: dict[str, Any]) -> None:
    """Add the transforms: format 1 had none."""
    metadata["transforms"] = [""] * len(metadata["schema"]["features"])


def _metadata_of_3(metadata: dict[str, Any]) -> None:
    """Nest the two labels in a target."""
    schema = metadata["schema"]
    labels = {name: schema.pop(name) for name in ("negative", "positive")}
    schema["target"] = {"task": "binary", **labels}


def _complete_metadata(metadata: dict[str, Any]) -> None:
    """Add what later artifacts of format 3 have, and rename a fact."""
    metadata.setdefault("calibration", None)
    data = metadata["facts"].get("data", {})
    if "complete_rows" in data:
        data["rows_used"] = data.pop("complete_rows")


def _arrays_of_2(arrays: dict[str, Array]) -> None:
    """Rename the arrays of the scaler, whose inputs are the features."""
    for part in ("fill", "center", "spread"):
        arrays[f"encoder_{part}"] = arrays.pop(f"scaler_{part}")


def _arrays_of_3(arrays: dict[str, Array]) -> None:
    """Turn vectors of labels and probabilities into matrices of one column."""
    for part in ("train", "validation"):
        arrays[f"{part}_targets"] = arrays.pop(f"{part}_labels").reshape(-1, 1)
    for part in ("train", "validation", "self_test"):
        arrays[f"{part}_predictions"] = arrays.pop(f"{part}_probabilities").reshape(-1, 1)
    arrays["target_center"], arrays["target_spread"] = np.zeros(1), np.ones(1)


def _complete_arrays(arrays: dict[str, Array]) -> None:
    """Add groups, one for each row, and marks of imputed rows, none, if all are missing."""
    names = [f"{part}_{name}" for part in ("train", "validation") for name in ("groups", "imputed")]
    if any(name in arrays for name in names):
        return
    for part in ("train", "validation"):
        rows = len(arrays[f"{part}_predictions"])
        arrays[f"{part}_groups"] = np.arange(rows, dtype=np.int64)
        arrays[f"{part}_imputed"] = np.zeros(rows, bool)


_METADATA: Final[tuple[Callable[[dict[str, Any]], None], ...]] = (
    _metadata_of_2,
    _metadata_of_3,
    _complete_metadata,
)
_ARRAYS: Final[tuple[Callable[[dict[str, Array]], None], ...]] = (
    _arrays_of_2,
    _arrays_of_3,
    _complete_arrays,
)

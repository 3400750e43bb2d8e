"""The arrays of an artifact: which there are, and what may be in them."""

from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import ArtifactError
from model.artifacts.npz import read_npz
from model.prediction.schema import Schema
from model.prediction.target import Target

_ARRAYS: Final = {
    "theta": "float",
    "encoder_fill": "float64",
    "encoder_center": "float64",
    "encoder_spread": "float64",
    "target_center": "float64",
    "target_spread": "float64",
    "train_targets": "target",
    "train_predictions": "float64",
    "train_groups": "int64",
    "train_imputed": "bool",
    "validation_targets": "target",
    "validation_predictions": "float64",
    "validation_groups": "int64",
    "validation_imputed": "bool",
    "self_test_rows": "float64",
    "self_test_predictions": "float64",
}
MAX_MEMBERS: Final = 1000
MAX_SELF_TEST_ROWS: Final = 1000  # each takes a prediction, before anything is served
_TYPES: Final = {
    "float": ("float64", "float32"),
    "float64": ("float64",),
    "int64": ("int64",),
    "bool": ("bool",),
}  # of "target": what the target says


def read_arrays(packed: bytes, target: Target) -> dict[str, Array]:
    """Every array. Raises ArtifactError for another set of arrays, another type, or numbers that
    cannot be.
    """
    arrays = read_npz(packed)
    if arrays.keys() != _ARRAYS.keys():
        raise ArtifactError("its arrays are not the ones an artifact holds")
    for name, array in arrays.items():
        allowed = _TYPES.get(_ARRAYS[name], (target.dtype,))
        if array.dtype.name not in allowed:
            raise ArtifactError(f"its array {name} is of type {array.dtype}")
        if name != "self_test_rows" and not np.isfinite(array).all():
            raise ArtifactError(f"its array {name} is not finite")
        if array.dtype == bool and (array.view(np.uint8) > 1).any():
            raise ArtifactError(f"its array {name} holds bytes that are neither true nor false")
        if name.endswith("_predictions") and target.link != "linear" and not _within(array, 1):
            raise ArtifactError(f"its array {name} must be from 0 to 1")
        is_classes = _ARRAYS[name] == "target" and array.dtype == np.int64
        if is_classes and not _within(array, len(target.names) - 1):
            raise ArtifactError(f"its array {name} must hold class numbers")
        array.flags.writeable = False
    return arrays


def _within(array: Array, most: int) -> bool:
    return bool(((array >= 0) & (array <= most)).all())


def check_shapes(arrays: dict[str, Array], schema: Schema, inputs: int) -> None:
    """Raise ArtifactError for an array that does not fit the schema, or the network's inputs."""
    features, target = len(schema.features), schema.target
    outputs, columns = len(target.names), target.columns_of_targets
    theta = arrays["theta"]
    if theta.ndim not in (1, 2) or not theta.size or theta[..., 0].size > MAX_MEMBERS:
        raise ArtifactError(f"its array theta has shape {theta.shape}")
    expected: dict[str, tuple[int, ...]] = {"encoder_fill": (features,)}
    expected |= {"encoder_center": (inputs,), "encoder_spread": (inputs,)}
    expected |= {"target_center": (outputs,), "target_spread": (outputs,)}
    for scored in ("train", "validation"):
        rows = arrays[f"{scored}_targets"].size // columns
        expected |= {f"{scored}_targets": (rows, columns)}
        expected |= {f"{scored}_predictions": (rows, outputs)}
        expected |= {f"{scored}_{name}": (rows,) for name in ("groups", "imputed")}
    tests = arrays["self_test_predictions"].size // outputs
    expected |= {"self_test_rows": (tests, features), "self_test_predictions": (tests, outputs)}
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ArtifactError(f"its array {name} has shape {arrays[name].shape}, not {shape}")
    for name in ("encoder_spread", "target_spread"):
        if not arrays[name].all():
            raise ArtifactError(f"its array {name} holds a zero")
    if not tests:
        raise ArtifactError("it holds no self-test rows")
    if tests > MAX_SELF_TEST_ROWS:
        raise ArtifactError(f"it holds more than {MAX_SELF_TEST_ROWS} self-test rows")

"""The arrays of an artifact: their names, dtypes, shapes and value ranges."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import ArtifactError
from model.prediction.schema import Schema
from model.prediction.target import Target

_ARRAYS: Final = {
    "theta": "float",
    "encoder_fill": "float64",
    "encoder_center": "float64",
    "encoder_spread": "float64",
    "target_center": "float64",
    "target_spread": "float64",
    "self_test_rows": "float64",
    "self_test_predictions": "float64",
}
_SCORED_ROWS: Final = {
    "targets": "target",
    "predictions": "float64",
    "groups": "int64",
    "imputed": "bool",
}
_OPTIONAL: Final = {"encoder_edges": "float64"}
_SAMPLE: Final = {"sample_rows": "float64", "sample_targets": "target"}
_MAY_BE_MISSING: Final = ("self_test_rows", "sample_rows")  # NaN is a missing value
PARTS: Final = ("train", "validation")
OPTIONAL_PARTS: Final = ("test", "out_of_bag")
MAX_MEMBERS: Final = 1000
MAX_SELF_TEST_ROWS: Final = 1000  # each one is predicted before the model is served
_TYPES: Final = {
    "float": ("float64", "float32"),
    "float64": ("float64",),
    "int64": ("int64",),
    "bool": ("bool",),
}  # "target": the dtype of the target


def check_arrays(arrays: Mapping[str, Array], target: Target) -> None:
    """Validate all arrays of an artifact, except for their shapes, and make them read-only.

    Args:
        arrays: The arrays by name.
        target: The target of the model's schema; it determines dtypes and value ranges.

    Raises:
        ArtifactError: An array is missing, unknown, or has a wrong dtype or invalid values.
    """
    kinds = _ARRAYS | {name: kind for name, kind in _OPTIONAL.items() if name in arrays}
    if has_sample(arrays):
        kinds |= _SAMPLE
    for part in parts_of(arrays):
        kinds |= {f"{part}_{name}": kind for name, kind in _SCORED_ROWS.items()}
    if arrays.keys() != kinds.keys():
        raise ArtifactError("the archive must hold exactly the arrays of an artifact")
    for name, array in arrays.items():
        allowed = _TYPES.get(kinds[name], (target.dtype,))
        if array.dtype.name not in allowed:
            raise ArtifactError(f"array {name} has dtype {array.dtype}")
        if name not in _MAY_BE_MISSING and not np.isfinite(array).all():
            raise ArtifactError(f"array {name} holds NaN or infinity")
        if name == "sample_rows" and np.isinf(array).any():
            raise ArtifactError(f"array {name} holds infinity")
        if array.dtype == bool and (array.view(np.uint8) > 1).any():
            raise ArtifactError(f"array {name} holds bytes other than 0 and 1")
        if name.endswith("_predictions") and target.link != "linear" and not _within(array, 1):
            raise ArtifactError(f"array {name} must hold values from 0 to 1")
        is_classes = kinds[name] == "target" and array.dtype == np.int64
        if is_classes and not _within(array, len(target.names) - 1):
            raise ArtifactError(f"array {name} must hold class indices")
        array.flags.writeable = False


def parts_of(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    """Return the names of the scored parts of the rows that an artifact has."""
    return (*PARTS, *(part for part in OPTIONAL_PARTS if f"{part}_targets" in arrays))


def has_sample(arrays: Mapping[str, Array]) -> bool:
    """Return whether an artifact keeps training rows."""
    return "sample_rows" in arrays


def numbers_of(schema: Schema) -> list[bool]:
    """Return for each feature whether it is a number."""
    return [feature.type in ("integer", "number") for feature in schema.features]


def intervals_of(arrays: Mapping[str, Array]) -> int:
    """Return the number of intervals of each number in an encoder's arrays; 0 without any."""
    edges = arrays.get("encoder_edges")
    return 0 if edges is None or edges.ndim != 2 else max(edges.shape[1] - 1, 0)


def _within(array: Array, high: int) -> bool:
    return bool(((array >= 0) & (array <= high)).all())


def check_shapes(arrays: dict[str, Array], schema: Schema, inputs: int) -> None:
    """Check the shapes of the arrays.

    Args:
        arrays: All arrays, as `check_arrays` accepts them.
        schema: The model's schema.
        inputs: The number of the network's inputs.

    Raises:
        ArtifactError: A shape does not fit the schema or the network, a spread is zero, or the
            number of self-test rows is not from 1 to 1000.
    """
    features, target = len(schema.features), schema.target
    outputs, columns = len(target.names), target.columns_of_targets
    theta = arrays["theta"]
    if theta.ndim not in (1, 2) or not theta.size or theta[..., 0].size > MAX_MEMBERS:
        raise ArtifactError(f"array theta has shape {theta.shape}")
    expected: dict[str, tuple[int, ...]] = {"encoder_fill": (features,)}
    expected |= {"encoder_center": (inputs,), "encoder_spread": (inputs,)}
    if "encoder_edges" in arrays:
        intervals = max(intervals_of(arrays), 1)
        expected |= {"encoder_edges": (sum(numbers_of(schema)), intervals + 1)}
    expected |= {"target_center": (outputs,), "target_spread": (outputs,)}
    for part in parts_of(arrays):
        rows = arrays[f"{part}_targets"].size // columns
        expected |= {f"{part}_targets": (rows, columns)}
        expected |= {f"{part}_predictions": (rows, outputs)}
        expected |= {f"{part}_{name}": (rows,) for name in ("groups", "imputed")}
    if has_sample(arrays):
        rows = arrays["sample_targets"].size // columns
        expected |= {"sample_rows": (rows, features), "sample_targets": (rows, columns)}
    tests = arrays["self_test_predictions"].size // outputs
    expected |= {"self_test_rows": (tests, features), "self_test_predictions": (tests, outputs)}
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ArtifactError(f"array {name} has shape {arrays[name].shape}, not {shape}")
    for name in ("encoder_spread", "target_spread"):
        if (arrays[name] <= 0).any():
            raise ArtifactError(f"array {name} holds a number that is not positive")
    if not tests:
        raise ArtifactError("there are no self-test rows")
    if tests > MAX_SELF_TEST_ROWS:
        raise ArtifactError(f"there are more than {MAX_SELF_TEST_ROWS} self-test rows")

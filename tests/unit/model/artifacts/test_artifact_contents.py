"""Invalid metadata and arrays of an artifact, each with its error text."""

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pytest

from model.arrays import Array
from model.artifacts import artifact
from model.errors import ArtifactError

Refusal = Callable[..., str]
TYPES = {
    "theta": "float64",
    "encoder_fill": "float64",
    "encoder_center": "float64",
    "encoder_spread": "float64",
    "target_center": "float64",
    "target_spread": "float64",
    "train_targets": "bool",
    "train_predictions": "float64",
    "validation_targets": "bool",
    "validation_predictions": "float64",
    "self_test_rows": "float64",
    "self_test_predictions": "float64",
}
DENSE = {"units": 1}


@pytest.fixture(scope="session")
def file(artifact_path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = joblib.load(artifact_path)
    return loaded


@pytest.fixture(scope="session")
def arrays(file: dict[str, Any]) -> dict[str, Array]:
    with np.load(io.BytesIO(file["arrays"])) as loaded:
        return dict(loaded)


@pytest.fixture(scope="session")
def refused(file: dict[str, Any]) -> Refusal:
    """Return the loader's error for an artifact with other `metadata` or `arrays`."""

    def error_text(**parts: Any) -> str:
        content = io.BytesIO()
        joblib.dump(file | parts, content)
        with pytest.raises(ArtifactError) as error:
            artifact.from_bytes(content.getvalue())
        return str(error.value)

    return error_text


def packed(arrays: dict[str, Any]) -> bytes:
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    return archive.getvalue()


# Metadata


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "text: Invalid JSON: EOF while parsing a value"),
        ("\0", "text: Invalid JSON: expected value"),
        ("\ud800", "text: Input should be a valid string, unable to parse"),
        ("[" * 100_000, "text: Invalid JSON: recursion limit exceeded"),
        ("[]", "text: Input should be an object"),
        ("{}", "name: Field required"),
    ],
)
def test_metadata_is_not_a_json_object(refused: Refusal, text: str, why: str) -> None:
    assert refused(metadata=text).startswith(f"invalid metadata at {why}")


FITS = "the network does not fit the schema or the weights"
POINTS = "operating points must be from 0 to 1 and include 'default'"
WRONG = "invalid metadata at"
BINARY = "schema.target.binary"
BUILT = "the network cannot be built:"
NUMBER = "a number must be finite, and from -2^63 to 2^63"
LAYERS = f"{BUILT} layers must be a list"
KEYS = f"{BUILT} a network is described by inputs, channels, layers, loss and dtype"


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("more", 1, f"{WRONG} more: Extra inputs are not permitted"),
        ("name", "", f"{WRONG} name: String should match"),
        ("name", 3, f"{WRONG} name: Input should be a valid string"),
        ("schema", 3, f"{WRONG} schema: Input should be an object"),
        ("schema.features", [], f"{WRONG} schema.features: Tuple should have at least 1 item"),
        ("schema.features", [{"name": "a"}], FITS),
        ("schema.features", [{"name": "a"}] * 9, f"{WRONG} schema: Value error, feature 'a' is"),
        ("schema.target.positive", "benign", f"{WRONG} {BINARY}: Value error, the two labels must"),
        ("operating_points", {}, POINTS),
        ("operating_points", {"careful": 0.5}, POINTS),
        ("operating_points", {"default": 1.1}, POINTS),
        ("operating_points", {"default": math.nan}, POINTS),
        ("operating_points", {"default": 0.5, "other": -1}, POINTS),
        (
            "operating_points",
            {"default": "x"},
            f"{WRONG} operating_points.default: Input should be",
        ),
        ("facts", 3, f"{WRONG} facts: Input should be an object"),
        ("facts", {"deep": [{"a": math.nan}]}, f"{WRONG} facts.deep.0.a: {NUMBER}"),
        ("facts", {"a": -math.inf}, f"{WRONG} facts.a: {NUMBER}"),
        ("facts.a", 2**63 + 1, f"{WRONG} facts.a: {NUMBER}"),
        ("facts.a", {"b": 10**1000}, f"{WRONG} facts.a.b: {NUMBER}"),
        ("facts.a", [["x" * 10_001]], f"{WRONG} facts.a.0.0: a text may have 10000 characters"),
        ("facts.a", {"x" * 1001: 1}, f"{WRONG} facts.a: a name may have 1000 characters"),
        ("facts.limits", "x", f"{WRONG} facts.limits: Input should be a valid list"),
        ("facts.limits", ["x"] * 101, f"{WRONG} facts.limits: List should have at most 100"),
        ("facts.description", ["x"], f"{WRONG} facts.description: Input should be a valid string"),
        ("facts.intended_use", "x" * 10_001, f"{WRONG} facts.intended_use: String should have"),
        ("facts.recipe", [], f"{WRONG} facts.recipe: Input should be a valid dictionary"),
        ("facts.data", {}, f"{WRONG} facts.data.rows: Field required"),
        ("facts.out_of_bag", {"rows": 3}, f"{WRONG} facts.out_of_bag.scores: Field required"),
        ("facts.scores", {"roc_auc": "x"}, f"{WRONG} facts.scores.roc_auc: Input should be"),
        ("facts.versions", {"numpy": 2}, f"{WRONG} facts.versions.numpy: Input should be"),
        ("operating_points", dict.fromkeys(map(str, range(101)), 0), f"{WRONG} operating_points:"),
        ("operating_points", {"a\n": 0.5}, f"{WRONG} operating_points.a\n"),
        ("network", [], f"{WRONG} network: Input should be an object"),
        ("network", {}, KEYS),
        ("network.more", 1, KEYS),
        ("network.loss", "hinge", f"{BUILT} loss must be one of mean_squared"),
        ("network.loss", [], f"{BUILT} loss must be a name, or a table"),
        ("network.dtype", "float16", f"{BUILT} dtype must be float64 or float32, got 'float16'"),
        ("network.dtype", {}, f"{BUILT} dtype must be float64 or float32, got {{}}"),
        ("network.dtype", "float32", FITS),
        ("network.inputs", 8, FITS),
        ("network.inputs", 10**7, FITS),
        ("network.inputs", True, f"{BUILT} inputs must be a positive integer, got True"),
        ("network.inputs", "9", f"{BUILT} inputs must be a positive integer, got '9'"),
        ("network.layers", 3, LAYERS),
        ("network.layers", None, LAYERS),
        ("network.layers", "units", LAYERS),
        ("network.layers", [["units"]], f"{BUILT} layer must be a name, or a table"),
        ("network.layers", {"units": 1}, LAYERS),
        ("network.layers", [], f"{BUILT} a network needs at least one layer"),
        ("network.layers", [{}], f"{BUILT} layer dense needs its units"),
        ("network.layers", [{"unit": 1}], f"{BUILT} layer dense has no 'unit': did you mean"),
        ("network.layers", [{"units": 10**12}, DENSE], f"{BUILT} dense: units must be a positive"),
        ("network.layers", [{"units": 10**9}, {"units": 10**9}, DENSE], f"{BUILT} a network may"),
        ("network.layers", [{"units": 1.0}], f"{BUILT} dense: units must be a positive integer"),
        ("network.layers", [{"units": 2}], FITS),
        ("network.layers", [{"activation": [], "units": 1}], f"{BUILT} activation must be a name"),
        ("network.layers", [{"initializer": {}, "units": 1}], f"{BUILT} initializer must be"),
        ("network.layers", [DENSE] * 1000, FITS),
        ("network.layers", [DENSE] * 1001, f"{BUILT} a network may be described by 1000 layers"),
        ("network.layers", [{"layers": ["flatten"] * 1000}], f"{BUILT} a network may be described"),
        ("network.inputs", 5 * 10**7, f"{BUILT} a network may have 50000000 units"),
    ],
)
def test_wrong_metadata(
    file: dict[str, Any], refused: Refusal, key: str, value: Any, why: str
) -> None:
    metadata = section = json.loads(file["metadata"])
    *path, last = key.split(".")
    for part in path:
        section = section[part]
    section[last] = value
    assert refused(metadata=json.dumps(metadata)).startswith(why)


# The archive


@pytest.mark.parametrize(
    "archive", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\0"]
)
def test_not_an_archive(refused: Refusal, archive: bytes) -> None:
    assert refused(arrays=archive) in (
        "the arrays cannot be read",
        "the archive must hold exactly the arrays of an artifact",
    )


def test_other_array_names(arrays: dict[str, Array], refused: Refusal) -> None:
    why = "the archive must hold exactly the arrays of an artifact"
    assert refused(arrays=packed(arrays | {"more": np.zeros(1)})) == why
    whole = dict(arrays)
    for part in ("test", "out_of_bag"):
        whole |= {n.replace("train", part): a for n, a in arrays.items() if "train_" in n}
    for name in whole:
        assert refused(arrays=packed({n: a for n, a in whole.items() if n != name})) == why


@pytest.mark.parametrize("parameters", [166, 10**7])
def test_compressed_archive_is_not_unpacked(
    arrays: dict[str, Array], refused: Refusal, parameters: int
) -> None:
    archive = io.BytesIO()
    content: dict[str, Any] = arrays | {"theta": np.zeros(parameters)}
    np.savez_compressed(archive, **content)
    assert refused(arrays=archive.getvalue()) == "the arrays must be stored uncompressed"


# Arrays


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize(
    "dtype", [">f8", "float16", "int64", "complex128", "S8", "bool", "float64"]
)
def test_wrong_dtype(
    arrays: dict[str, Array], refused: Refusal, name: str, dtype: npt.DTypeLike
) -> None:
    wrong = np.zeros(arrays[name].shape, dtype)
    if wrong.dtype.name == TYPES[name] and wrong.dtype.isnative:
        wrong = np.zeros(arrays[name].shape, "uint8")
    known = wrong.dtype.name in ("float64", "int64", "uint8", "bool") and wrong.dtype.isnative
    why = f"array {name} has dtype {wrong.dtype if known else wrong.dtype.str}"
    assert refused(arrays=packed(arrays | {name: wrong})) == why


@pytest.mark.parametrize("name", TYPES)
def test_wrong_shape(arrays: dict[str, Array], refused: Refusal, name: str) -> None:
    right = arrays[name]
    for wrong in (right[None, None], right[:-1], right.ravel()[0], right[:0]):
        why = refused(arrays=packed(arrays | {name: wrong}))
        assert "has shape" in why or why in (FITS, "there are no self-test rows")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", [name for name in TYPES if TYPES[name] == "float64"])
def test_not_finite(arrays: dict[str, Array], refused: Refusal, name: str, value: float) -> None:
    wrong = arrays[name].copy()
    wrong.flat[0] = value
    rule = "row 0: clump_thickness must be an integer from 1 to 10"
    expected = f"array {name} holds NaN or infinity"
    if name == "self_test_rows":
        expected = f"the self-test rows violate the schema: {rule}"
    assert refused(arrays=packed(arrays | {name: wrong})) == expected


@pytest.mark.parametrize("name", [name for name in TYPES if name.endswith("_predictions")])
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_probability_out_of_range(
    arrays: dict[str, Array], refused: Refusal, name: str, value: float
) -> None:
    wrong = arrays[name].copy()
    wrong[-1] = value
    assert refused(arrays=packed(arrays | {name: wrong})) == (
        f"array {name} must hold values from 0 to 1"
    )


def test_bool_byte_other_than_0_and_1(arrays: dict[str, Array], refused: Refusal) -> None:
    wrong = arrays["train_targets"].copy()
    wrong.view(np.uint8)[3] = 2
    why = "array train_targets holds bytes other than 0 and 1"
    assert refused(arrays=packed(arrays | {"train_targets": wrong})) == why


@pytest.mark.parametrize("factor", [0, -1])
@pytest.mark.parametrize("name", ["encoder_spread", "target_spread"])
def test_spread_not_positive(
    arrays: dict[str, Array], refused: Refusal, name: str, factor: int
) -> None:
    wrong = arrays[name].copy()
    wrong[len(wrong) // 2] *= factor
    why = f"array {name} holds a number that is not positive"
    assert refused(arrays=packed(arrays | {name: wrong})) == why


def test_no_self_test(arrays: dict[str, Array], refused: Refusal) -> None:
    none = {"self_test_rows": np.empty((0, 9)), "self_test_predictions": np.empty((0, 1))}
    assert refused(arrays=packed(arrays | none)) == "there are no self-test rows"

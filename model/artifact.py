"""The artifact: one joblib file that carries a Predictor, and a loader that cannot run code.

The file is a pickled dict of `format` (int), `metadata` (JSON text) and `arrays` (the bytes of an
.npz), which any `joblib.load` reads. `load` reads it with an unpickler that knows no classes, then
NumPy with pickles off, and believes nothing it has not checked.
"""

import hashlib
import io
import json
import math
import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from model.arrays import Array
from model.encoding import Encoder, check_transforms, inputs_of
from model.errors import ArtifactError, DataError, NetworkError
from model.network.network import network_from
from model.predictor import Predictor, ScoredRows, SelfTest
from model.publishing import publish
from model.schema import Label, Schema

FORMAT: Final = 2
MAX_BYTES: Final = 1 << 30
MAX_OPCODES: Final = 100

# All that a pickle of a flat dict of int, str and bytes is made of. Anything else (classes, calls,
# a memo index that would reserve gigabytes) is refused before the unpickler sees it.
_OPCODES: Final = frozenset(
    "PROTO FRAME EMPTY_DICT MEMOIZE BINPUT MARK SHORT_BINUNICODE BINUNICODE BININT1 "
    "SHORT_BINBYTES BINBYTES BINBYTES8 SETITEMS STOP".split()
)
_ARRAYS: Final = {
    "theta": "float",
    "encoder_fill": "float64",
    "encoder_center": "float64",
    "encoder_spread": "float64",
    "train_labels": "bool",
    "train_probabilities": "float64",
    "validation_labels": "bool",
    "validation_probabilities": "float64",
    "self_test_rows": "float64",
    "self_test_probabilities": "float64",
}


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Label
    data_schema: Schema = Field(alias="schema")
    transforms: list[str]
    network: dict[str, Any]
    operating_points: dict[str, float]
    facts: dict[str, JsonValue]

    @field_validator("facts")
    @classmethod
    def _check_facts(cls, facts: dict[str, JsonValue]) -> dict[str, JsonValue]:
        json.dumps(facts, allow_nan=False)  # pydantic lets NaN and Infinity pass
        return facts


def to_bytes(predictor: Predictor) -> bytes:
    """The artifact's bytes; the same predictor gives the same bytes, so the same version."""
    metadata = {
        "name": predictor.name,
        "schema": predictor.schema.model_dump(mode="json"),
        "transforms": list(predictor.encoder.transforms),
        "network": predictor.network.describe(),
        "operating_points": dict(predictor.operating_points),
        "facts": dict(predictor.facts),
    }
    arrays = {
        "theta": predictor.theta,
        "encoder_fill": predictor.encoder.fill,
        "encoder_center": predictor.encoder.center,
        "encoder_spread": predictor.encoder.spread,
        "train_labels": predictor.train.labels,
        "train_probabilities": predictor.train.probabilities,
        "validation_labels": predictor.validation.labels,
        "validation_probabilities": predictor.validation.probabilities,
        "self_test_rows": predictor.self_test.rows,
        "self_test_probabilities": predictor.self_test.probabilities,
    }
    packed = io.BytesIO()
    np.savez(
        packed, allow_pickle=False, **{key: np.ascontiguousarray(a) for key, a in arrays.items()}
    )
    content = {
        "format": FORMAT,
        "metadata": json.dumps(metadata, ensure_ascii=False, allow_nan=False),
        "arrays": packed.getvalue(),
    }
    import joblib  # here, since reading does without it: a service starts the sooner

    file = io.BytesIO()
    joblib.dump(content, file)
    return file.getvalue()


def save(predictor: Predictor, path: Path) -> str:
    """Publish the predictor at `path`, atomically. Returns its version. Raises OSError."""
    content = to_bytes(predictor)
    publish(path, content)
    return hashlib.sha256(content).hexdigest()


def load(path: Path) -> Predictor:
    """The predictor in a file, checked. Raises ArtifactError naming the file and what is wrong."""
    try:
        if not path.is_file():
            raise ArtifactError("there is no such file" if not path.exists() else "not a file")
        if path.stat().st_size > MAX_BYTES:
            raise ArtifactError(f"larger than {MAX_BYTES} bytes")
        predictor = from_bytes(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from None
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None
    return predictor


def from_bytes(content: bytes) -> Predictor:
    """The predictor in an artifact's bytes, checked. Raises ArtifactError."""
    file = _unpickle(content)
    metadata = _read_metadata(file["metadata"])
    arrays = _read_arrays(file["arrays"])
    try:
        network = network_from(metadata.network)
    except NetworkError as error:
        raise ArtifactError(f"its network cannot be built: {error}") from None
    theta, schema = arrays["theta"], metadata.data_schema
    found = network.inputs, network.outputs, network.layout.size, network.dtype
    if found != (inputs_of(schema), 1, theta.size, theta.dtype.name):
        raise ArtifactError("its network does not fit its schema or weights")
    _check_shapes(arrays, len(schema.features), network.inputs)
    encoder = _encoder(schema, tuple(metadata.transforms), arrays)
    points = metadata.operating_points
    if "default" not in points or not all(0 <= point <= 1 for point in points.values()):
        raise ArtifactError("its operating points must be from 0 to 1, one of them 'default'")
    predictor = Predictor(
        name=metadata.name,
        schema=schema,
        encoder=encoder,
        network=network,
        theta=theta,
        operating_points=points,
        train=ScoredRows(arrays["train_labels"], arrays["train_probabilities"]),
        validation=ScoredRows(arrays["validation_labels"], arrays["validation_probabilities"]),
        self_test=SelfTest(arrays["self_test_rows"], arrays["self_test_probabilities"]),
        facts=metadata.facts,
        version=hashlib.sha256(content).hexdigest(),
    )
    try:
        predictor.check_rows(predictor.self_test.rows)
    except DataError as error:
        raise ArtifactError(f"its self-test rows do not keep its schema: {error}") from None
    return predictor


def _encoder(schema: Schema, transforms: tuple[str, ...], arrays: dict[str, Array]) -> Encoder:
    """The encoder; what it fills in must be values that the features may have."""
    try:
        check_transforms(schema, transforms)
    except DataError as error:
        raise ArtifactError(f"its encoder does not fit its schema: {error}") from None
    for feature, value in zip(schema.features, arrays["encoder_fill"].tolist(), strict=True):
        # A median lies between two integers, perhaps; and in a table a value may be out of range.
        if feature.type in ("category", "boolean") and not feature.accepts(value):
            raise ArtifactError(f"its encoder fills in no value of {feature.name!r}")
    return Encoder(
        tuple(len(feature.categories) for feature in schema.features),
        transforms,
        *(arrays[f"encoder_{part}"] for part in ("fill", "center", "spread")),
    )


class _NoClasses(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise ArtifactError(f"it names {module}.{name}: an artifact holds plain data only")


def _unpickle(content: bytes) -> dict[str, Any]:
    try:
        stop = 0
        for count, (opcode, _, position) in enumerate(pickletools.genops(content)):
            if count == MAX_OPCODES:
                raise ArtifactError(f"it holds more than {MAX_OPCODES} pickle instructions")
            if opcode.name not in _OPCODES:
                raise ArtifactError(
                    f"it holds the pickle instruction {opcode.name}: not plain data"
                )
            stop = position or 0
        file = _NoClasses(io.BytesIO(content)).load()
    except ArtifactError:
        raise
    except Exception:  # a broken pickle can raise anything
        raise ArtifactError("not an artifact, or a broken one") from None
    if stop + 1 != len(content):
        raise ArtifactError("there are bytes after its end")
    if not isinstance(file, dict) or file.get("format") != FORMAT:
        raise ArtifactError(f"not an artifact of format {FORMAT}")
    if (
        set(file) != {"format", "metadata", "arrays"}
        or not isinstance(file["metadata"], str)
        or not isinstance(file["arrays"], bytes)
    ):
        raise ArtifactError("it must hold format, metadata and arrays, and nothing else")
    return file


def _read_metadata(text: str) -> _Metadata:
    try:
        return _Metadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "text"
        raise ArtifactError(f"its metadata is wrong at {where}: {first['msg']}") from None


def _read_arrays(packed: bytes) -> dict[str, Array]:
    """Every array, after the archive's own claims were checked against the bytes it has."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            members = archive.infolist()
            if sorted(member.filename for member in members) != sorted(f"{n}.npy" for n in _ARRAYS):
                raise ArtifactError("its arrays are not the ones an artifact holds")
            for member in members:
                if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(packed):
                    raise ArtifactError("its arrays must be stored uncompressed")
                with archive.open(member) as file:
                    _check_header(file, member.file_size)
        with np.load(io.BytesIO(packed), allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in _ARRAYS}
    except ArtifactError:
        raise
    except Exception:  # a broken archive can raise anything
        raise ArtifactError("its arrays cannot be read") from None
    for name, array in arrays.items():
        allowed = ("float64", "float32") if _ARRAYS[name] == "float" else (_ARRAYS[name],)
        if array.dtype.name not in allowed or not array.dtype.isnative:
            raise ArtifactError(f"its array {name} is of type {array.dtype}")
        if name != "self_test_rows" and not np.isfinite(array).all():
            raise ArtifactError(f"its array {name} is not finite")
        if array.dtype == bool and (array.view(np.uint8) > 1).any():
            raise ArtifactError(f"its array {name} holds bytes that are neither true nor false")
        if name.endswith("_probabilities") and not ((array >= 0) & (array <= 1)).all():
            raise ArtifactError(f"its array {name} must be from 0 to 1")
        array.flags.writeable = False
    return arrays


def _check_header(file: Any, size: int) -> None:
    """The shape an array claims must be the size it has, before memory is made for it."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ArtifactError("its arrays cannot be read")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject or fortran_order or file.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ArtifactError("its arrays do not have the size they claim")


def _check_shapes(arrays: dict[str, Array], features: int, inputs: int) -> None:
    expected: dict[str, tuple[int, ...]] = {"theta": (arrays["theta"].size,)}
    expected |= {"encoder_fill": (features,)}
    expected |= {"encoder_center": (inputs,), "encoder_spread": (inputs,)}
    for scored in ("train", "validation"):
        labels = arrays[f"{scored}_labels"]
        expected |= {f"{scored}_{part}": (labels.size,) for part in ("labels", "probabilities")}
    tests = arrays["self_test_probabilities"].size
    expected |= {"self_test_rows": (tests, features), "self_test_probabilities": (tests,)}
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ArtifactError(f"its array {name} has shape {arrays[name].shape}, not {shape}")
    if not arrays["encoder_spread"].all():
        raise ArtifactError("its array encoder_spread holds a zero")
    if not tests:
        raise ArtifactError("it holds no self-test rows")

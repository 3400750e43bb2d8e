"""The artifact: one joblib file that carries a Predictor, and a loader that cannot run code.

The file is a pickled dict of `format` (int), `metadata` (JSON text) and `arrays` (the bytes of an
.npz), which any `joblib.load` reads. `load` reads it with an unpickler that knows no classes, then
with a reader of arrays that evaluates nothing, and believes nothing it has not checked.
"""

import hashlib
import io
import json
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from model.arrays import Array
from model.prediction.calibration import Calibration
from model.prediction.encoder import Encoder, Scale, check_transforms, inputs_of
from model.errors import ArtifactError, DataError, NetworkError
from model.network.network import MAX_UNITS, network_from
from model.artifacts.npz import write_npz
from model.artifacts.array_spec import check_shapes, read_arrays
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.artifacts.atomic_write import write_atomically
from model.artifacts.safe_read import read_file
from model.prediction.schema import Schema
from model.prediction.target import Binary

FORMAT: Final = 3
MAX_BYTES: Final = 1 << 30
MAX_OPCODES: Final = 100
MAX_METADATA_CHARACTERS: Final = 4 << 20
MAX_METADATA_VALUES: Final = 200_000  # each of which takes up to half a kilobyte
MODEL_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"  # it is part of paths

# All that a pickle of a flat dict of int, str and bytes is made of. Anything else (classes, calls,
# a memo index that would reserve gigabytes) is refused before the unpickler sees it.
_OPCODES: Final = frozenset(
    "PROTO FRAME EMPTY_DICT MEMOIZE BINPUT MARK SHORT_BINUNICODE BINUNICODE BININT1 "
    "SHORT_BINBYTES BINBYTES BINBYTES8 SETITEMS STOP".split()
)


Check = Callable[[Path, bytes], None]


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=MODEL_NAME)]
    data_schema: Schema = Field(alias="schema")
    transforms: list[str]
    network: dict[str, Any]
    operating_points: dict[str, float]
    calibration: Calibration | None
    facts: dict[str, JsonValue]

    @field_validator("facts")
    @classmethod
    def _check_facts(cls, facts: dict[str, JsonValue]) -> dict[str, JsonValue]:
        json.dumps(facts, allow_nan=False)  # pydantic lets NaN and Infinity pass
        return facts


def to_bytes(predictor: Predictor) -> bytes:
    """The artifact's bytes; the same predictor gives the same bytes, so the same version.

    Raises ArtifactError for more metadata than `load` takes.
    """
    calibration = predictor.calibration
    metadata = {
        "name": predictor.name,
        "schema": predictor.schema.model_dump(mode="json"),
        "transforms": list(predictor.encoder.transforms),
        "network": predictor.network.describe(),
        "operating_points": dict(predictor.operating_points),
        "calibration": None if calibration is None else calibration.model_dump(mode="json"),
        "facts": dict(predictor.facts),
    }
    outputs = predictor.network.outputs
    scale = predictor.target_scale or Scale(np.zeros(outputs), np.ones(outputs))
    arrays = {
        "theta": predictor.theta,
        "encoder_fill": predictor.encoder.fill,
        "encoder_center": predictor.encoder.center,
        "encoder_spread": predictor.encoder.spread,
        "target_center": scale.center,
        "target_spread": scale.spread,
        **_scored_arrays("train", predictor.train),
        **_scored_arrays("validation", predictor.validation),
        "self_test_rows": predictor.self_test.rows,
        "self_test_predictions": predictor.self_test.predictions,
    }
    text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    _check_size(text)  # here too: what is written can be read
    content = {
        "format": FORMAT,
        "metadata": text,
        "arrays": write_npz(arrays),
    }
    import joblib  # here, since reading does without it: a service starts the sooner

    file = io.BytesIO()
    joblib.dump(content, file)
    return file.getvalue()


def save(predictor: Predictor, path: Path) -> str:
    """Publish the predictor at `path`, atomically. Returns its version. Raises OSError."""
    content = to_bytes(predictor)
    write_atomically(path, content)
    return hashlib.sha256(content).hexdigest()


def load(path: Path, check: Check | None = None) -> Predictor:
    """The predictor in a file, checked. Raises ArtifactError naming the file and what is wrong.

    check: is told the path and the very bytes that are read, before anything is made of them; it
    raises ArtifactError to refuse them.
    """
    try:
        return from_bytes(_read(path, check))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from None
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None


def _read(path: Path, check: Check | None) -> bytes:
    content = read_file(path, MAX_BYTES)
    if check is not None:
        check(path, content)
    return content


def from_bytes(content: bytes) -> Predictor:
    """The predictor in an artifact's bytes, checked. Raises ArtifactError."""
    file = _unpickle(content)
    version = hashlib.sha256(content).hexdigest()
    del content  # mostly the last reference: the arrays take as much again
    metadata = _read_metadata(file["metadata"])
    arrays = read_arrays(file["arrays"], metadata.data_schema.target)
    try:
        network = network_from(metadata.network)
    except NetworkError as error:
        raise ArtifactError(f"its network cannot be built: {error}") from None
    theta, schema = arrays["theta"], metadata.data_schema
    target = schema.target
    found = network.inputs, network.outputs, (network.layout.size,), network.dtype
    expected = inputs_of(schema), len(target.names), theta.shape[-1:], theta.dtype.name
    if found != expected or network.loss.link != target.link:
        raise ArtifactError("its network does not fit its schema or weights")
    check_shapes(arrays, schema, network.inputs)
    if network.units * theta[..., 0].size > MAX_UNITS:
        raise ArtifactError(f"its members have more than {MAX_UNITS} units")
    encoder = _encoder(schema, tuple(metadata.transforms), arrays)
    points = metadata.operating_points
    if not target.has_threshold and points:
        raise ArtifactError("it has operating points, and no threshold")
    if target.has_threshold and "default" not in points:
        raise ArtifactError("its operating points must be from 0 to 1, one of them 'default'")
    if not all(0 <= point <= 1 for point in points.values()):
        raise ArtifactError("its operating points must be from 0 to 1, one of them 'default'")
    if metadata.calibration is not None and not isinstance(target, Binary):
        raise ArtifactError("it has a calibration, which only a binary target may have")
    scale = Scale(arrays["target_center"], arrays["target_spread"])
    predictor = Predictor(
        name=metadata.name,
        schema=schema,
        encoder=encoder,
        network=network,
        theta=theta,
        operating_points=points,
        train=_scored_rows("train", arrays),
        validation=_scored_rows("validation", arrays),
        self_test=SelfTest(arrays["self_test_rows"], arrays["self_test_predictions"]),
        target_scale=scale if target.link == "linear" else None,
        calibration=metadata.calibration,
        facts=metadata.facts,
        version=version,
    )
    try:
        predictor.check_rows(predictor.self_test.rows)
    except DataError as error:
        raise ArtifactError(f"its self-test rows do not keep its schema: {error}") from None
    return predictor


def _scored_arrays(part: str, scored: ScoredRows) -> dict[str, Array]:
    return {f"{part}_{name}": array for name, array in vars(scored).items()}


def _scored_rows(part: str, arrays: dict[str, Array]) -> ScoredRows:
    return ScoredRows(**{each.name: arrays[f"{part}_{each.name}"] for each in fields(ScoredRows)})


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


def _check_size(metadata: str) -> None:
    if len(metadata) > MAX_METADATA_CHARACTERS:
        raise ArtifactError(f"its metadata is larger than {MAX_METADATA_CHARACTERS} characters")
    if sum(map(metadata.count, ",[{")) > MAX_METADATA_VALUES:  # at least as many as there are
        raise ArtifactError(f"its metadata holds more than {MAX_METADATA_VALUES} values")


def _read_metadata(text: str) -> _Metadata:
    _check_size(text)
    try:
        return _Metadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "text"
        raise ArtifactError(f"its metadata is wrong at {where}: {first['msg']}") from None

"""The artifact: one joblib file that holds a Predictor, with a loader that cannot run code.

The file is a pickled dict of `format` (int), `metadata` (JSON text) and `arrays` (the bytes of an
.npz), so any `joblib.load` reads it. `load` uses an unpickler without classes and a strict .npz
reader, upgrades older formats, and validates every field before use.
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
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from model.arrays import Array
from model.artifacts.array_spec import (
    OPTIONAL_PARTS,
    PARTS,
    check_arrays,
    check_shapes,
    has_sample,
    intervals_of,
    numbers_of,
    parts_of,
)
from model.artifacts.atomic_write import write_atomically
from model.artifacts.npz import read_npz, write_npz
from model.artifacts.safe_read import read_file
from model.artifacts.upgrade import FORMAT, OLDEST_FORMAT, upgrade_arrays, upgrade_metadata
from model.drift.reference import drift_reference
from model.errors import ArtifactError, DataError, NetworkError
from model.network.network import MAX_UNITS, Network, network_from
from model.prediction.calibration import Calibration
from model.prediction.encoder import (
    Encoder,
    Scale,
    check_transforms,
    inputs_of,
    levels_of,
    limits_of,
    monotone_inputs,
)
from model.prediction.facts import cell_rules, check_facts
from model.prediction.names import Name
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.schema import Schema
from model.prediction.schema_rules import SchemaRules
from model.prediction.training_sample import TrainingSample

MAX_BYTES: Final = 1 << 30
MAX_OPCODES: Final = 100
MAX_METADATA_CHARACTERS: Final = 4 << 20
MAX_METADATA_VALUES: Final = 200_000  # each takes up to 0.5 kB of memory
MAX_POINTS: Final = 100
MODEL_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"  # part of URL paths

# The opcodes of a pickled flat dict of int, str and bytes. All others (classes, calls, a memo index
# that would reserve gigabytes) are rejected before the unpickler runs.
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
    smooth_clip: Annotated[float, Field(gt=0)] | None = None
    network: dict[str, Any]
    operating_points: Annotated[dict[Name, float], Field(max_length=MAX_POINTS)]
    calibration: Calibration | None
    facts: dict[str, JsonValue]


def to_bytes(predictor: Predictor) -> bytes:
    """Serialize a predictor. Equal predictors give equal bytes, hence equal versions.

    Raises:
        ArtifactError: The metadata breaks a rule of `load`, such as its size.
    """
    calibration, encoder = predictor.calibration, predictor.encoder
    metadata = {
        "name": predictor.name,
        "schema": predictor.schema.model_dump(mode="json"),
        "transforms": list(encoder.transforms),
        **({} if encoder.smooth_clip is None else {"smooth_clip": encoder.smooth_clip}),
        "network": predictor.network.describe(),
        "operating_points": dict(predictor.operating_points),
        "calibration": None if calibration is None else calibration.model_dump(mode="json"),
        "facts": dict(predictor.facts),
    }
    outputs = predictor.network.outputs
    scale = predictor.target_scale or Scale(np.zeros(outputs), np.ones(outputs))
    arrays = {
        "theta": predictor.theta,
        "encoder_fill": encoder.fill,
        "encoder_center": encoder.center,
        "encoder_spread": encoder.spread,
        "target_center": scale.center,
        "target_spread": scale.spread,
        "self_test_rows": predictor.self_test.rows,
        "self_test_predictions": predictor.self_test.predictions,
    }
    if encoder.edges is not None:  # those of the numbers
        arrays["encoder_edges"] = encoder.edges[~np.isnan(encoder.edges[:, 0])]
    if predictor.sample is not None:
        arrays |= {f"sample_{name}": array for name, array in vars(predictor.sample).items()}
    for part in (*PARTS, *OPTIONAL_PARTS):
        scored: ScoredRows | None = getattr(predictor, part)
        if scored is not None:
            arrays |= {f"{part}_{name}": array for name, array in vars(scored).items()}
    text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    _read_metadata(text)  # the rules of `load`, so that each written artifact can be read
    content = {
        "format": FORMAT,
        "metadata": text,
        "arrays": write_npz(arrays),
    }
    import joblib  # not at the top: reading needs no joblib, and a service starts faster without

    file = io.BytesIO()
    joblib.dump(content, file)
    return file.getvalue()


def save(predictor: Predictor, path: Path) -> str:
    """Write a predictor to an artifact file, atomically.

    Args:
        predictor: The predictor.
        path: The file to create or replace.

    Returns:
        The artifact's version: the SHA-256 of the file, in hexadecimal.

    Raises:
        ArtifactError: The metadata breaks a rule of `load`, such as its size.
        OSError: The file cannot be written.
    """
    content = to_bytes(predictor)
    write_atomically(path, content)
    return hashlib.sha256(content).hexdigest()


def load(path: Path, check: Check | None = None) -> Predictor:
    """Load and validate the predictor of an artifact file.

    Args:
        path: The artifact's file.
        check: Called with the path and the bytes read, before they are parsed; it raises
            ArtifactError to reject them (signature and digest policies).

    Returns:
        The predictor; its `version` is the SHA-256 of the file.

    Raises:
        ArtifactError: The file is missing, unreadable, rejected or invalid. The text names it.
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
    """Load and validate the predictor of an artifact's bytes. Raises ArtifactError."""
    file = _unpickle(content)
    version = hashlib.sha256(content).hexdigest()
    del content  # usually the last reference: the arrays need the same memory again
    _check_size(file["metadata"])
    metadata = _read_metadata(upgrade_metadata(file["metadata"], file["format"]))
    arrays = upgrade_arrays(read_npz(file["arrays"]), file["format"])
    check_arrays(arrays, metadata.data_schema.target)
    try:
        network = network_from(metadata.network)
    except NetworkError as error:
        raise ArtifactError(f"the network cannot be built: {error}") from None
    theta = arrays["theta"]
    schema = metadata.data_schema.model_copy(update=cell_rules(metadata.facts))
    target = schema.target
    actual = network.inputs, network.outputs, (network.layout.size,), network.dtype
    inputs = inputs_of(schema, intervals_of(arrays))
    expected = inputs, len(target.names), theta.shape[-1:], theta.dtype.name
    if actual != expected or network.loss.link != target.link:
        raise ArtifactError("the network does not fit the schema or the weights")
    check_shapes(arrays, schema, network.inputs)
    _check_monotone(schema, network, arrays)
    if network.units * theta[..., 0].size > MAX_UNITS:
        raise ArtifactError(f"the members of the ensemble have more than {MAX_UNITS} units")
    encoder = _encoder(schema, metadata, arrays)
    operating_points = metadata.operating_points
    if not target.has_threshold and operating_points:
        raise ArtifactError("operating points are given, but the target has no threshold")
    if target.has_threshold and not (
        "default" in operating_points and all(0 <= at <= 1 for at in operating_points.values())
    ):
        raise ArtifactError("operating points must be from 0 to 1 and include 'default'")
    if metadata.calibration is not None and metadata.calibration.link != target.link:
        raise ArtifactError("the calibration does not fit the target")
    scale = Scale(arrays["target_center"], arrays["target_spread"])
    predictor = Predictor(
        name=metadata.name,
        schema=schema,
        encoder=encoder,
        network=network,
        theta=theta,
        operating_points=operating_points,
        self_test=SelfTest(arrays["self_test_rows"], arrays["self_test_predictions"]),
        target_scale=scale if target.link == "linear" else None,
        calibration=metadata.calibration,
        sample=(
            TrainingSample(arrays["sample_rows"], arrays["sample_targets"])
            if has_sample(arrays)
            else None
        ),
        facts=metadata.facts,
        version=version,
        **{part: _scored_rows(part, arrays) for part in parts_of(arrays)},
    )
    try:
        predictor.check_rows(predictor.self_test.rows)
    except DataError as error:
        raise ArtifactError(f"the self-test rows violate the schema: {error}") from None
    drift_reference(predictor)  # its rules
    return predictor


def _check_monotone(schema: Schema, network: Network, arrays: dict[str, Array]) -> None:
    """Check that the weights keep the directions that the schema states."""
    directions = monotone_inputs(schema, intervals_of(arrays))
    if tuple(directions if any(directions) else ()) != network.monotone:
        raise ArtifactError("the monotone inputs of the network are not those of the schema")
    if network.bounds is None:
        return
    if not network.bounds.hold(arrays["theta"]):
        raise ArtifactError("the weights do not keep the directions of the monotone features")


def _scored_rows(part: str, arrays: dict[str, Array]) -> ScoredRows:
    return ScoredRows(
        **{field.name: arrays[f"{part}_{field.name}"] for field in fields(ScoredRows)}
    )


def _encoder(schema: Schema, metadata: _Metadata, arrays: dict[str, Array]) -> Encoder:
    """Build the encoder; fill values of categorical and boolean features must be valid."""
    transforms = tuple(metadata.transforms)
    try:
        check_transforms(schema, transforms)
    except DataError as error:
        raise ArtifactError(f"the encoder does not fit the schema: {error}") from None
    fill = arrays["encoder_fill"]
    for place, feature in enumerate(schema.features):
        # Numbers are not checked: a median may lie between two integers, and values of the training
        # table may be outside of the range.
        is_number = feature.type in ("integer", "number")
        if not is_number and SchemaRules([feature]).check(fill[np.newaxis, [place]]) is not None:
            raise ArtifactError(f"the fill value of {feature.name!r} is not one of its values")
    fill, center, spread = (arrays[f"encoder_{part}"] for part in ("fill", "center", "spread"))
    return Encoder(
        levels_of(schema),
        transforms,
        fill,
        center,
        spread,
        limits_of(schema),
        _edges(schema, arrays),
        metadata.smooth_clip,
    )


def _edges(schema: Schema, arrays: dict[str, Array]) -> Array | None:
    """Return the ends of the intervals of each feature, NaN for one that is not a number."""
    intervals = intervals_of(arrays)
    if not intervals:
        return None
    edges = np.full((len(schema.features), intervals + 1), np.nan)
    edges[numbers_of(schema)] = arrays["encoder_edges"]
    if (np.diff(edges, axis=1) < 0).any():
        raise ArtifactError("the ends of intervals must be in ascending order")
    return edges


class _NoClasses(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise ArtifactError(f"the pickle names {module}.{name}: an artifact holds plain data only")


def _unpickle(content: bytes) -> dict[str, Any]:
    try:
        stop = 0
        for count, (opcode, _, position) in enumerate(pickletools.genops(content)):
            if count == MAX_OPCODES:
                raise ArtifactError(f"the file holds more than {MAX_OPCODES} pickle instructions")
            if opcode.name not in _OPCODES:
                rule = "is not allowed: an artifact holds plain data only"
                raise ArtifactError(f"pickle instruction {opcode.name} {rule}")
            stop = position or 0
        file = _NoClasses(io.BytesIO(content)).load()
    except ArtifactError:
        raise
    except Exception:  # pickle raises many kinds of errors for damaged input
        raise ArtifactError("not an artifact, or a broken one") from None
    if stop + 1 != len(content):
        raise ArtifactError("bytes follow the end of the artifact")
    if not isinstance(file, dict):
        raise ArtifactError(f"not an artifact of format {OLDEST_FORMAT} to {FORMAT}")
    number = file.get("format")
    if not isinstance(number, int) or number < OLDEST_FORMAT:
        raise ArtifactError(f"not an artifact of format {OLDEST_FORMAT} to {FORMAT}")
    if number > FORMAT:
        reads = f"this release reads {OLDEST_FORMAT} to {FORMAT}: use a later release"
        raise ArtifactError(f"an artifact of format {number}, but {reads}")
    if (
        set(file) != {"format", "metadata", "arrays"}
        or not isinstance(file["metadata"], str)
        or not isinstance(file["arrays"], bytes)
    ):
        raise ArtifactError("an artifact must hold exactly the keys format, metadata and arrays")
    return file


def _check_size(metadata: str) -> None:
    if len(metadata) > MAX_METADATA_CHARACTERS:
        raise ArtifactError(f"the metadata is longer than {MAX_METADATA_CHARACTERS} characters")
    if (
        sum(map(metadata.count, ",[{")) > MAX_METADATA_VALUES
    ):  # an upper bound of the number of values
        raise ArtifactError(f"the metadata holds more than {MAX_METADATA_VALUES} values")


def _read_metadata(text: str) -> _Metadata:
    _check_size(text)
    try:
        metadata = _Metadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "text"
        raise ArtifactError(f"invalid metadata at {where}: {first['msg']}") from None
    check_facts(metadata.facts)
    return metadata

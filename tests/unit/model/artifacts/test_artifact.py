"""model/artifacts/artifact.py: deterministic writing, and safe reading of hostile files."""

import hashlib
import io
import os
import pickle
import pickletools
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from model.arrays import Array
from model.artifacts import artifact
from model.errors import ArtifactError
from model.network.network import network_from
from model.pipelines.train import Trained, train
from model.prediction.predictor import Predictor
from model.training.recipes.recipe import load_recipe


@pytest.fixture(scope="session")
def content(artifact_path: Path) -> bytes:
    return artifact_path.read_bytes()


def dumped(value: object) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


def error_text(content: bytes) -> str:
    with pytest.raises(ArtifactError) as error:
        artifact.from_bytes(content)
    return str(error.value)


def arrays_of(predictor: Predictor) -> list[Array]:
    parts = (predictor.encoder, predictor.train, predictor.validation, predictor.self_test)
    values = [value for part in parts for value in vars(part).values()]
    return [predictor.theta, *(value for value in values if isinstance(value, np.ndarray))]


def with_recipe(predictor: Predictor, data: object) -> bytes:
    """Return the artifact of a model whose recipe has a table `[data]`."""
    return artifact.to_bytes(replace(predictor, facts={"recipe": {"data": data}}))


def test_missing_values_are_those_of_the_recipe(predictor: Predictor) -> None:
    found = artifact.from_bytes(with_recipe(predictor, {"missing_values": ["?", "Gro\u0308ße"]}))
    assert found.schema.missing_values == ("?", "Größe")
    assert artifact.from_bytes(artifact.to_bytes(found)).schema == found.schema
    for none in (None, dict[str, object](missing_values=[])):
        assert artifact.from_bytes(with_recipe(predictor, none)).schema.missing_values == ()


def test_decimal_mark_is_that_of_the_recipe(predictor: Predictor) -> None:
    found = artifact.from_bytes(with_recipe(predictor, {"decimal": ","}))
    assert found.schema.decimal == ","
    assert artifact.from_bytes(artifact.to_bytes(found)).schema == found.schema
    assert artifact.from_bytes(with_recipe(predictor, {"file": "x"})).schema.decimal is None


@pytest.mark.parametrize(
    "data", ["?", {"missing_values": "?"}, {"missing_values": [1]}, {"decimal": ";"}]
)
def test_missing_values_of_another_type_are_rejected(predictor: Predictor, data: object) -> None:
    with pytest.raises(ArtifactError, match=r"invalid metadata at facts\.recipe\.data"):
        with_recipe(predictor, data)


# Writing


def test_round_trip_is_exact(trained: Trained, predictor: Predictor) -> None:
    before = trained.predictor
    assert predictor.name == before.name
    assert predictor.schema == before.schema
    assert predictor.operating_points == before.operating_points
    assert predictor.facts == before.facts
    assert predictor.network.describe() == before.network.describe()
    for old, new in zip(arrays_of(before), arrays_of(predictor), strict=True):
        assert (old.dtype, old.shape, old.tobytes()) == (new.dtype, new.shape, new.tobytes())
        assert not new.flags.writeable
    predictor.replay_self_test()


def test_round_trip_of_intervals_and_a_smooth_clip(tmp_path: Path) -> None:
    recipe = tmp_path / "my.toml"
    recipe.write_text(
        'extends = "article"\ntraining.epochs = 1\n[scaling]\nmethod = "robust"\n'
        "smooth_clip = 3.0\nintervals = 4\n"
    )
    made = train(load_recipe(str(recipe))).predictor
    read = artifact.from_bytes(artifact.to_bytes(made))
    assert (read.encoder.smooth_clip, read.network.inputs) == (3.0, 9 * 5)
    np.testing.assert_array_equal(read.encoder.edges, made.encoder.edges)
    rows = made.self_test.rows
    assert read.predict(rows).tobytes() == made.predict(rows).tobytes()


def test_version_is_the_hash_of_the_file(
    trained: Trained, tmp_path: Path, content: bytes, predictor: Predictor
) -> None:
    path = tmp_path / "again.joblib"
    assert artifact.save(trained.predictor, path) == hashlib.sha256(content).hexdigest()
    assert path.read_bytes() == content
    assert predictor.version == hashlib.sha256(content).hexdigest()
    assert artifact.to_bytes(predictor) == content


def test_joblib_reads_plain_data(artifact_path: Path) -> None:
    file = joblib.load(artifact_path)
    assert {name: type(value) for name, value in file.items()} == {
        "format": int,
        "metadata": str,
        "arrays": bytes,
    }


def test_float32_network(trained: Trained) -> None:
    before = trained.predictor
    description = before.network.describe() | {"dtype": "float32"}
    network = network_from(description)
    single = replace(before, network=network, theta=before.theta.astype(np.float32))
    assert artifact.from_bytes(artifact.to_bytes(single)).theta.dtype == np.float32


# Pickles


class Gadget:
    """Creates a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", ["file", "format", "metadata", "arrays"])
def test_gadget_does_not_run(
    tmp_path: Path, artifact_path: Path, protocol: int, place: str
) -> None:
    gadget = Gadget(tmp_path / "made")
    file = gadget if place == "file" else {**joblib.load(artifact_path), place: gadget}
    assert "pickle instruction " in error_text(pickle.dumps(file, protocol))
    assert not gadget.folder.exists()


def test_unpickler_finds_no_class_without_the_opcode_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gadget = Gadget(tmp_path / "made")
    names = frozenset(opcode.name for opcode in pickletools.opcodes)
    monkeypatch.setattr(artifact, "_OPCODES", names)
    why = f"the pickle names {os.mkdir.__module__}.mkdir: an artifact holds plain data only"
    assert error_text(pickle.dumps(gadget)) == why
    assert not gadget.folder.exists()


@pytest.mark.parametrize(
    ("name", "pickled"),
    [
        ("GLOBAL", b"cos\nsystem\n."),
        ("STACK_GLOBAL", b"\x80\x04\x8c\x02os\x8c\x06system\x93."),
        ("INST", b"(ios\nsystem\n."),
        ("OBJ", b"(}o."),
        ("NEWOBJ", b"}}\x81."),
        ("REDUCE", b"\x80\x04}}R."),
        ("BUILD", b"\x80\x04}}b."),
        ("EXT1", b"\x82\x01."),
        ("PERSID", b"P1\n."),
        ("BINPERSID", b"}Q."),
        ("LONG_BINPUT", b"\x80\x04}r\xff\xff\xff\x7f."),
        ("BYTEARRAY8", b"\x80\x05\x96\x01" + bytes(7) + b"a."),
        ("NEXT_BUFFER", b"\x97."),
        ("LONG4", b"\x8b\x01\0\0\0\x01."),
        ("EMPTY_LIST", b"]."),
        ("NEWTRUE", b"\x88."),
    ],
)
def test_pickle_instruction_is_rejected(name: str, pickled: bytes) -> None:
    assert (
        error_text(pickled)
        == f"pickle instruction {name} is not allowed: an artifact holds plain data only"
    )


@pytest.mark.parametrize(
    ("pickled", "why"),
    [
        (b"", "not an artifact, or a broken one"),
        (b"PK\x03\x04", "not an artifact, or a broken one"),
        (b"\x80\x04.", "not an artifact, or a broken one"),
        (b"\x80\xff}.", "not an artifact, or a broken one"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.", "not an artifact, or a broken one"),
        (b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f}.", "not an artifact, or a broken one"),
        (b"\x80\x04}(}}u.", "not an artifact, or a broken one"),
        (b"\x80\x04" + b"}" * 200 + b".", "the file holds more than 100 pickle instructions"),
        (b"\x80\x04}.", "not an artifact of format 1 to 3"),
        (b"\x80\x04K\x01.", "not an artifact of format 1 to 3"),
        (dumped({"format": 1, "metadata": "", "arrays": b""}), "invalid metadata of format 1"),
        (
            dumped({"format": 4, "metadata": "", "arrays": b""}),
            "an artifact of format 4, but this release reads 1 to 3: use a later release",
        ),
        (
            dumped({"format": "3", "metadata": "", "arrays": b""}),
            "not an artifact of format 1 to 3",
        ),
    ],
)
def test_not_an_artifact(pickled: bytes, why: str) -> None:
    assert error_text(pickled) == why


@pytest.mark.parametrize("part", [{"metadata": b""}, {"arrays": ""}, {"more": 1}])
def test_other_keys_are_rejected(artifact_path: Path, part: dict[str, Any]) -> None:
    why = "an artifact must hold exactly the keys format, metadata and arrays"
    assert error_text(dumped(joblib.load(artifact_path) | part)) == why


# Bytes


def test_trailing_bytes_are_rejected(content: bytes) -> None:
    for more in (b"\0", b".", content):
        assert error_text(content + more) == "bytes follow the end of the artifact"


def test_every_truncation_is_rejected(content: bytes) -> None:
    for length in [*range(200), *range(200, len(content), 53), len(content) - 1]:
        assert error_text(content[:length])


def test_flipped_byte_is_rejected_or_harmless(content: bytes, predictor: Predictor) -> None:
    tried = loaded = 0
    for position in range(0, len(content), 101):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            tried += 1
            flipped = bytearray(content)
            flipped[position] ^= flip
            try:
                other = artifact.from_bytes(bytes(flipped))
            except ArtifactError:
                continue
            loaded += 1
            assert other.version != predictor.version
            np.testing.assert_array_equal(other.theta, predictor.theta)
            other.replay_self_test()
    assert 0 < loaded < tried / 2


# Files


def test_error_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.joblib"

    def why() -> str:
        with pytest.raises(ArtifactError) as error:
            artifact.load(path)
        return str(error.value)

    assert why() == f"{path}: there is no such file"
    path.symlink_to(path)
    assert why() == f"{path}: Too many levels of symbolic links"
    path.unlink()
    path.mkdir()
    assert why() == f"{path}: not a file"
    path.rmdir()
    os.mkfifo(path)
    assert why() == f"{path}: not a file"
    path.unlink()
    path.write_bytes(b"")
    assert why() == f"{path}: not an artifact, or a broken one"
    path.write_bytes(content + b".")
    assert why() == f"{path}: bytes follow the end of the artifact"


def test_too_long_file_name(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    with pytest.raises(ArtifactError) as error:
        artifact.load(path)
    assert str(error.value) == f"{path}: File name too long"


def test_too_large_file_is_not_read(artifact_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "MAX_BYTES", 1000)
    with pytest.raises(ArtifactError) as error:
        artifact.load(artifact_path)
    assert str(error.value) == f"{artifact_path}: larger than 1000 bytes"


def test_unreadable_file(artifact_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(ArtifactError) as error:
        artifact.load(artifact_path)
    assert str(error.value) == f"{artifact_path}: Permission denied"

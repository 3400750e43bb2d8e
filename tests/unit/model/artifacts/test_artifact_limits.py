"""Limits of an artifact: a small file cannot cost gigabytes or minutes."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from model.artifacts import artifact
from model.artifacts.array_spec import MAX_SELF_TEST_ROWS
from model.artifacts.npz import read_npz, write_npz
from model.errors import ArtifactError, NetworkError
from model.network.layers import Conv1D, Dense, Flatten
from model.network.network import MAX_LAYERS, Network, network_from
from model.prediction.predictor import Predictor

DENSE: dict[str, Any] = {"units": 1}


def error_text(content: bytes) -> str:
    with pytest.raises(ArtifactError) as error:
        artifact.from_bytes(content)
    return str(error.value)


def changed(path: Path, **parts: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump({**joblib.load(path), **parts}, file)
    return file.getvalue()


def test_too_much_metadata_is_neither_read_nor_written(
    artifact_path: Path, predictor: Predictor
) -> None:
    limit = artifact.MAX_METADATA_CHARACTERS
    why = f"the metadata is longer than {limit} characters"
    assert error_text(changed(artifact_path, metadata=" " * (limit + 1))) == why
    assert error_text(changed(artifact_path, metadata=" " * limit)).startswith("invalid metadata")
    with pytest.raises(ArtifactError, match=why):
        artifact.to_bytes(dataclasses.replace(predictor, facts={"a": "x" * limit}))
    values = artifact.MAX_METADATA_VALUES
    why = f"the metadata holds more than {values} values"
    for text in ("," * (values + 1), "[" * (values + 1), "{" * (values + 1), "[{" * values):
        assert error_text(changed(artifact_path, metadata=text)) == why
    with pytest.raises(ArtifactError, match=why):
        artifact.to_bytes(dataclasses.replace(predictor, facts={"a": [0] * values}))


def test_metadata_at_the_limit(predictor: Predictor) -> None:
    facts = {"a": [0] * (artifact.MAX_METADATA_VALUES - 5000), "b": ["x" * 10**4] * 100}
    large = dataclasses.replace(predictor, facts=facts)
    assert artifact.from_bytes(artifact.to_bytes(large)).facts == facts


def test_nested_layers_are_counted() -> None:
    def described(layers: Any) -> dict[str, Any]:
        return {
            "inputs": 1,
            "channels": 1,
            "layers": layers,
            "loss": "binary_cross_entropy",
            "dtype": "float64",
        }

    half = [DENSE] * (MAX_LAYERS // 2 - 1)
    residual = {"name": "residual", "layers": half}
    assert len(network_from(described([*half, residual, DENSE])).layers) == MAX_LAYERS // 2 + 1
    for layers in (
        [DENSE] * (MAX_LAYERS + 1),
        [*half, residual, DENSE, DENSE],
        [{"name": "residual", "layers": [residual, residual]}, DENSE],
    ):
        with pytest.raises(NetworkError, match="described by 1000 layers"):
            network_from(described(layers))


def test_many_units_from_few_weights() -> None:
    filters = Conv1D(10_000, 1)
    with pytest.raises(NetworkError, match="may have 50000000 units, this one has 100005001"):
        Network([filters, Flatten(), Dense(1)], inputs=5_000)
    assert Network([Conv1D(2, 1), Flatten(), Dense(1)], inputs=5).units == 5 + 10 + 10 + 1


def test_units_of_an_ensemble(
    artifact_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = predictor.network.units
    arrays = read_npz(joblib.load(artifact_path)["arrays"])
    ensemble = arrays | {"theta": np.stack([arrays["theta"]] * 3)}
    content = changed(artifact_path, arrays=write_npz(ensemble))
    monkeypatch.setattr(artifact, "MAX_UNITS", 3 * units)
    artifact.from_bytes(content).replay_self_test()
    monkeypatch.setattr(artifact, "MAX_UNITS", 3 * units - 1)
    assert (
        error_text(content) == f"the members of the ensemble have more than {3 * units - 1} units"
    )


def test_self_test_rows(artifact_path: Path, predictor: Predictor) -> None:
    arrays = read_npz(joblib.load(artifact_path)["arrays"])
    test = predictor.self_test
    for rows in (0, 1, MAX_SELF_TEST_ROWS, MAX_SELF_TEST_ROWS + 1):
        tests = {
            "self_test_rows": np.repeat(test.rows[:1], rows, axis=0),
            "self_test_predictions": np.repeat(test.predictions[:1], rows, axis=0),
        }
        content = changed(artifact_path, arrays=write_npz(arrays | tests))
        if rows == 0:
            assert error_text(content) == "there are no self-test rows"
        elif rows > MAX_SELF_TEST_ROWS:
            assert error_text(content) == "there are more than 1000 self-test rows"
        else:
            artifact.from_bytes(content).replay_self_test()


def test_check_gets_the_bytes_that_are_parsed(
    artifact_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Path, bytes]] = []
    artifact.load(artifact_path, lambda *given: seen.append(given))
    assert seen == [(artifact_path, artifact_path.read_bytes())]

    def refuse(_path: Path, _content: bytes) -> None:
        raise ArtifactError("not trusted")

    monkeypatch.delattr(artifact, "_unpickle")  # rejected bytes are not parsed
    with pytest.raises(ArtifactError, match=f"{artifact_path}: not trusted"):
        artifact.load(artifact_path, refuse)

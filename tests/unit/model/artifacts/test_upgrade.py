"""An artifact of each older format loads; tests/data/artifacts has one of each, as it was written.

Their self-test rows and predictions are those of the code that wrote them.
"""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from support.paths import ROOT

from model.artifacts import artifact
from model.artifacts.npz import write_npz
from model.artifacts.upgrade import FORMAT, OLDEST_FORMAT
from model.errors import ArtifactError

FILES = sorted((ROOT / "tests/data/artifacts").glob("*.joblib"))
OLD = [path for path in FILES if path.stem != f"format-{FORMAT}"]


def contents_of(path: Path) -> dict[str, Any]:
    """Return the plain data of an artifact, with its metadata parsed and its arrays read."""
    content: dict[str, Any] = joblib.load(path)
    content["metadata"] = json.loads(content["metadata"])
    with np.load(io.BytesIO(content["arrays"])) as arrays:
        content["arrays"] = dict(arrays)
    return content


def error_of(content: dict[str, Any]) -> str:
    """Return the error of loading plain data as an artifact."""
    file = io.BytesIO()
    metadata = content["metadata"]
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    joblib.dump({**content, "metadata": text, "arrays": write_npz(content["arrays"])}, file)
    with pytest.raises(ArtifactError) as error:
        artifact.from_bytes(file.getvalue())
    return str(error.value)


def test_there_is_an_artifact_of_each_format() -> None:
    numbers = [joblib.load(path)["format"] for path in FILES]
    assert {*numbers} == {*range(OLDEST_FORMAT, FORMAT + 1)}
    for path, number in zip(FILES, numbers, strict=True):
        assert re.match(r"format-(\d+)", path.stem)[1] == str(number)  # type: ignore[index]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_predicts_as_when_it_was_written(path: Path) -> None:
    predictor = artifact.load(path)
    test = predictor.self_test
    assert predictor.name == path.stem
    assert len(test.rows) > 5
    np.testing.assert_allclose(predictor.predict(test.rows), test.predictions, rtol=1e-12)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_facts_and_scored_rows_remain(path: Path) -> None:
    predictor, content = artifact.load(path), contents_of(path)
    data, old = predictor.facts["data"], content["metadata"]["facts"]["data"]
    assert data["rows"] == old["rows"] == 60
    assert data["rows_used"] == old.get("complete_rows", old.get("rows_used")) > 50
    arrays = content["arrays"]
    for part in ("train", "validation"):
        scored = getattr(predictor, part)
        targets = arrays.get(f"{part}_labels", arrays.get(f"{part}_targets"))
        assert (scored.targets.ravel() == targets.ravel()).all()
        assert len(scored.groups) == len(scored.imputed) == len(scored.targets) > 10


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_rows_without_groups_are_one_group_each(path: Path) -> None:
    scored = artifact.load(path).train
    assert (scored.groups == np.arange(len(scored.targets))).all()
    assert not scored.imputed.any()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_the_same_model_once_it_is_written_in_the_current_format(path: Path) -> None:
    old = artifact.load(path)
    content = artifact.to_bytes(old)
    new = artifact.from_bytes(content)
    assert artifact.to_bytes(replace(new, version="")) == content
    assert joblib.load(io.BytesIO(content))["format"] == FORMAT
    assert (new.predict(new.self_test.rows) == old.predict(old.self_test.rows)).all()


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
@pytest.mark.parametrize("metadata", ["", "[]", "1", "null", "{}", "[" * 100_000, '{"schema": 1}'])
def test_metadata_of_another_shape_is_rejected(path: Path, metadata: str) -> None:
    assert "invalid metadata" in error_of({**contents_of(path), "metadata": metadata})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_array_is_required(path: Path) -> None:
    content = contents_of(path)
    for name in content["arrays"]:
        arrays = {key: array for key, array in content["arrays"].items() if key != name}
        assert "the archive must hold" in error_of({**content, "arrays": arrays}), name


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_arrays_of_another_shape_are_rejected(path: Path) -> None:
    content = contents_of(path)
    for name in content["arrays"]:
        for shape in ((), (0,), (3, 1, 2)):
            arrays = {**content["arrays"], name: np.zeros(shape)}
            error_of({**content, "arrays": arrays})


@pytest.mark.parametrize("number", [0, FORMAT + 1, 200])
def test_an_unknown_format_is_rejected(number: int) -> None:
    text = error_of({**contents_of(FILES[0]), "format": number})
    later = (
        f"an artifact of format {number}, but this release reads 1 to {FORMAT}: use a later release"
    )
    assert text == (later if number else f"not an artifact of format 1 to {FORMAT}")

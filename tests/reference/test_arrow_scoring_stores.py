"""Object stores as source, destination and place of the artifact; a folder stands for the store."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from support.arrow_streams import scores
from support.scored_datasets import parts, pq, score, scorer_of, scorers

from model.artifacts import artifact
from model.artifacts.signing import make_keys, read_private_key, sign
from model.errors import ArtifactError, DataError, MalignancyError
from service.scoring.loading import load_version
from service.scoring.storage import Storage, split_place

fs: Any = importlib.import_module("pyarrow.fs")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which s3://data/NAME is the file bucket/NAME."""
    folder = tmp_path / "store"
    for name in ("rows", "to/_malignancy/parts"):
        (folder / "data" / name).mkdir(parents=True)
    files = fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    monkeypatch.setattr(
        "service.scoring.storage.open_filesystem", lambda uri: (files, uri.partition("://")[2])
    )
    load_version.cache_clear()
    return folder


def test_a_job_in_a_store(artifact_path: Path, store: Path, tmp_path: Path) -> None:
    for number in range(2):
        pq.write_table(scores(500), store / "data" / "rows" / f"{number}.parquet")
    (store / "data" / "model.joblib").write_bytes(artifact_path.read_bytes())
    scorer = scorer_of(artifact_path)
    remote = scorers.Scorer("s3://data/model.joblib", scorer.digest)
    score(scorer, store / "data" / "rows", tmp_path / "expected")
    result = score(remote, "s3://data/rows/*.parquet", "s3://data/to")
    assert result.counts.rows == 1000
    assert parts(store / "data" / "to") == parts(tmp_path / "expected")
    assert (store / "data" / "to" / "_SUCCESS").exists()
    assert score(remote, "s3://data/rows", "s3://data/to").skipped == 2


def test_an_upload_that_fails_leaves_nothing(store: Path) -> None:
    storage = Storage("s3://data/to")

    def write_half() -> None:
        with storage.writer("part") as file:
            file.write(b"half")
            raise DataError("half")

    with pytest.raises(DataError, match="half"):
        write_half()
    assert parts(store) == {}
    storage.write("part", b"whole")
    assert storage.read("part") == b"whole"
    storage.remove("part")
    storage.remove("part")
    assert (storage.read("part"), storage.kind("part")) == (None, None)
    assert Storage("s3://data").kind("to") == "folder"


def test_errors_of_a_store_are_short(store: Path) -> None:
    assert store.exists()
    with pytest.raises(MalignancyError, match=r"^s3://data/to/none: it does not exist$"):
        Storage("s3://data/to").open("none")
    with pytest.raises(DataError, match=r"^/: must name a file$"):
        split_place("/")


def test_artifacts_are_checked(
    artifact_path: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, uri = store / "data" / "model.joblib", "s3://data/model.joblib"
    path.write_bytes(artifact_path.read_bytes())
    digest = artifact.load(artifact_path).version
    with pytest.raises(
        ArtifactError, match=rf"^{uri}: its SHA-256 is {digest[:12]}…, not 0{{12}}…"
    ):
        load_version(uri, "0" * 64)
    with pytest.raises(ArtifactError, match=r"^s3://data/none: there is no such file$"):
        load_version("s3://data/none", "")
    public = make_keys(tmp_path / "key.pem")
    monkeypatch.setenv("MALIGNANCY_ARTIFACT_PUBLIC_KEY", str(public))
    with pytest.raises(ArtifactError, match=rf"^{uri}: signature model\.joblib\.sig is missing"):
        load_version(uri, digest)
    sign(path, path.read_bytes(), read_private_key(tmp_path / "key.pem"))
    assert load_version(uri, digest).predictor.version == digest

"""Commands with artifacts in an object store, which is a fake here."""

import dataclasses
import json
from pathlib import Path

import pytest
from conftest import Program
from support.fake_object_store import FakeStore, install

from model.artifacts import artifact
from model.prediction.predictor import Predictor

URI = "s3://bucket/folder"
PATH = "bucket/folder"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeStore:
    return install(monkeypatch, tmp_path / "cache")


def test_an_artifact_is_promoted_to_a_folder(
    store: FakeStore, program: Program, artifact_path: Path
) -> None:
    code, out, _ = program("promote", artifact_path, "--to", f"{URI}/", "--unless-worse")
    assert code == 0
    assert out.endswith(f"is the active version in {URI}\n")
    assert store.objects[f"{PATH}/article.joblib"].content == artifact_path.read_bytes()
    assert store.objects[f"{PATH}/current"].content == b"article.joblib\n"
    assert not (artifact_path.parent / "current").exists()


def test_a_worse_artifact_is_not_promoted(
    store: FakeStore, program: Program, predictor: Predictor, tmp_path: Path
) -> None:
    rows = predictor.validation
    worse = dataclasses.replace(
        predictor, validation=dataclasses.replace(rows, predictions=1 - rows.predictions)
    )
    store.put(f"{PATH}/first.joblib", artifact.to_bytes(predictor))
    store.put(f"{PATH}/worse.joblib", artifact.to_bytes(worse))
    assert program("promote", f"{URI}/first.joblib")[0] == 0
    code, out, _ = program("promote", f"{URI}/worse.joblib", "--unless-worse")
    assert code == 1
    assert "not promoted: significantly worse" in out
    artifact.save(worse, tmp_path / "new.joblib")
    before = dict(store.objects)
    assert program("promote", tmp_path / "new.joblib", "--to", URI, "--unless-worse")[0] == 1
    assert store.objects == before
    assert program("promote", f"{URI}/worse.joblib")[0] == 0
    assert store.objects[f"{PATH}/current"].content == b"worse.joblib\n"


def test_a_broken_artifact_is_not_uploaded(
    store: FakeStore, program: Program, predictor: Predictor, tmp_path: Path
) -> None:
    test = dataclasses.replace(predictor.self_test, predictions=1 - predictor.self_test.predictions)
    artifact.save(dataclasses.replace(predictor, self_test=test), tmp_path / "a.joblib")
    code, _, err = program("promote", tmp_path / "a.joblib", "--to", URI)
    assert code == 2
    assert "self-test" in err
    assert store.objects == {}


def test_commands_read_an_artifact_at_a_uri(
    store: FakeStore, program: Program, artifact_path: Path, tmp_path: Path
) -> None:
    store.put(f"{PATH}/a.joblib", artifact_path.read_bytes())
    here = program("inspect", artifact_path, "--json")
    assert program("inspect", f"{URI}/a.joblib", "--json") == here
    assert json.loads(here[1])["name"] == "article"
    assert program("report", f"{URI}/a.joblib", "--output", tmp_path / "page.html")[0] == 0
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("inspect", URI), "must be the URI of an artifact"),
        (("inspect", f"{URI}/none.joblib"), "it does not exist"),
        (("inspect", "https://host/a.joblib"), "must begin with one of s3://"),
        (("inspect", "s3://a:b@c/d.joblib"), "must not contain credentials"),
        (("report", f"{URI}/a.joblib"), "--output is needed"),
        (("sign", f"{URI}/a.joblib", "--key", "key"), "must be a local file"),
        (("promote", f"{URI}/a.joblib", "--to", URI), "--to needs a local"),
        (("promote", "a.joblib", "--to", f"{URI}/a.joblib"), "must be the URI of a folder"),
        (("promote", "a.joblib", "--to", "folder"), "must be the URI of a folder"),
    ],
)
def test_errors_are_one_line(
    store: FakeStore, program: Program, arguments: tuple[str, ...], text: str
) -> None:
    store.put(f"{PATH}/a.joblib", b"x")
    code, out, err = program(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert text in err

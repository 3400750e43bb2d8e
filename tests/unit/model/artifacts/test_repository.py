"""model/artifacts/repository.py: the current artifact of a folder."""

import os
from pathlib import Path

import pytest

from model.artifacts.repository import artifacts_in, current_artifact, make_current
from model.errors import ArtifactError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_file(tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    assert (current_artifact(file), artifacts_in(file)) == (file, [file])


def test_only_artifact_without_a_pointer(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"must hold exactly one \*\.joblib, found 0"):
        current_artifact(tmp_path)
    touch(tmp_path, "a.joblib", "notes.txt", ".b.joblib.tmp", ".c.joblib")
    assert current_artifact(tmp_path) == tmp_path / "a.joblib"
    touch(tmp_path, "b.joblib")
    with pytest.raises(ArtifactError, match="found 2"):
        current_artifact(tmp_path)
    assert artifacts_in(tmp_path) == [tmp_path / "a.joblib", tmp_path / "b.joblib"]


def test_pointer(tmp_path: Path) -> None:
    touch(tmp_path, "a.joblib", "b.joblib")
    for name in ("b.joblib", "a.joblib"):
        make_current(tmp_path / name)
        assert current_artifact(tmp_path) == tmp_path / name
    assert (tmp_path / "current").read_text() == "a.joblib\n"


@pytest.mark.parametrize(
    "text", ["", "../a.joblib", "/a.joblib", "a.txt", ".", "x/a.joblib", "a\0.joblib", "\xff"]
)
def test_invalid_pointer(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "a.joblib")
    (tmp_path / "current").write_bytes(text.encode("latin-1"))
    with pytest.raises(ArtifactError, match="current: "):
        current_artifact(tmp_path)


def test_pointer_that_is_not_a_file_does_not_block(tmp_path: Path) -> None:
    touch(tmp_path, "a.joblib")
    os.mkfifo(tmp_path / "current")
    with pytest.raises(ArtifactError, match="current: not a file"):
        current_artifact(tmp_path)
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("current")
    with pytest.raises(ArtifactError, match="current: cannot be read as text"):
        current_artifact(tmp_path)
    (tmp_path / "current").unlink()
    (tmp_path / "current").write_bytes(b"a" * 1025)
    with pytest.raises(ArtifactError, match="current: larger than 1024 bytes"):
        current_artifact(tmp_path)


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(ArtifactError, match=f"{tmp_path}: Permission denied"):
        current_artifact(tmp_path)

"""Tests of model.artifacts.publishing: uploads to an object store."""

from pathlib import Path

import pytest
from support.fake_object_store import FakeStore, install

from model.artifacts.publishing import artifact_names, make_current_at, upload
from model.errors import ArtifactError, ObjectStoreError

URI = "s3://bucket/folder"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeStore:
    return install(monkeypatch, tmp_path / "cache")


def names(store: FakeStore) -> list[str]:
    return [path.rpartition("/")[2] for path in store.objects]


def test_what_is_beside_an_artifact_comes_first(store: FakeStore, tmp_path: Path) -> None:
    file = tmp_path / "a.joblib"
    assert artifact_names(URI) == []
    (tmp_path / "a.joblib.sig").write_bytes(b"signature")
    (tmp_path / "a.report.html").write_bytes(b"report")
    assert upload(file, b"content", URI) == f"{URI}/a.joblib"
    make_current_at(f"{URI}/a.joblib")
    assert names(store) == ["a.joblib.sig", "a.report.html", "a.joblib", "current"]
    assert store.objects["bucket/folder/current"].content == b"a.joblib\n"
    assert artifact_names(URI) == ["a.joblib"]


def test_a_version_never_changes(store: FakeStore, tmp_path: Path) -> None:
    file = tmp_path / "a.joblib"
    upload(file, b"content", URI)
    (tmp_path / "a.joblib.sig").write_bytes(b"signature")
    upload(file, b"content", URI)  # and a signature that was missing
    for other in (b"another", b"conten", b"content and more"):
        with pytest.raises(ArtifactError, match=r"a\.joblib: exists already with other bytes"):
            upload(file, other, URI)
    assert names(store) == ["a.joblib", "a.joblib.sig"]
    assert store.objects["bucket/folder/a.joblib"].content == b"content"


@pytest.mark.parametrize("name", ["a.txt", ".a.joblib"])
def test_a_name_that_no_service_reads_is_refused(
    store: FakeStore, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ArtifactError, match=r"must end in \.joblib"):
        upload(tmp_path / name, b"content", URI)
    assert names(store) == []


def test_a_failure_is_named(store: FakeStore, tmp_path: Path) -> None:
    store.error = OSError("AWS Error ACCESS_DENIED during PutObject: secret")
    with pytest.raises(ObjectStoreError, match=r"access denied.*; writing current failed"):
        make_current_at(f"{URI}/a.joblib")
    with pytest.raises(ObjectStoreError, match=r"a\.joblib: access denied"):
        upload(tmp_path / "a.joblib", b"content", URI)
    with pytest.raises(ObjectStoreError, match="access denied"):
        artifact_names(URI)

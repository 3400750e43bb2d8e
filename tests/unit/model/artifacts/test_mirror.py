"""Tests of model.artifacts.mirror: copies of folders in an object store."""

import json
import os
import stat
from pathlib import Path
from time import time

import pytest
from support.fake_object_store import FakeStore, install

from model.artifacts import mirror as module
from model.artifacts.mirror import Mirror, cache_folder, is_copy, local_artifact
from model.errors import ObjectStoreError

URI = "s3://bucket/folder"
PATH = "bucket/folder"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeStore:
    store = install(monkeypatch, tmp_path / "cache")
    store.put(f"{PATH}/a.joblib", b"first")
    store.put(f"{PATH}/b.joblib", b"second")
    store.put(f"{PATH}/b.joblib.sig", b"signature")
    store.put(f"{PATH}/b.report.html", b"report")
    store.put(f"{PATH}/current", b"b.joblib\n")
    return store


def contents(mirror: Mirror) -> dict[str, bytes]:
    files = mirror.folder.iterdir()
    return {each.name: each.read_bytes() for each in files if not each.name.startswith(".")}


def in_store(store: FakeStore) -> dict[str, bytes]:
    return {path.rpartition("/")[2]: each.content for path, each in store.objects.items()}


def test_a_folder_is_copied_once(store: FakeStore) -> None:
    mirror = Mirror(URI)
    assert (mirror.is_usable, mirror.copied_at) == (False, None)
    assert mirror.copy()
    assert contents(mirror) == in_store(store)
    assert mirror.is_usable
    assert store.read[-1] == "current"  # after what it names
    assert stat.S_IMODE(mirror.folder.stat().st_mode) == 0o700
    before = {file: file.stat().st_ino for file in mirror.folder.iterdir()}
    store.read.clear()
    assert mirror.copy()
    assert store.read == []
    assert {file: file.stat().st_ino for file in mirror.folder.iterdir()} == before
    assert mirror.copied_at is not None
    assert abs(mirror.copied_at - time()) < 60


def test_changes_are_copied_and_removals_followed(store: FakeStore) -> None:
    mirror = Mirror(URI)
    mirror.copy()
    store.put(f"{PATH}/a.joblib", b"third version")
    store.put(f"{PATH}/b.joblib", b"SECOND", changed_at=1.0)
    del store.objects[f"{PATH}/b.joblib.sig"], store.objects[f"{PATH}/current"]
    mirror.copy()
    assert contents(mirror) == in_store(store)


def test_an_artifact_is_copied_alone(store: FakeStore) -> None:
    mirror = Mirror(f"{URI}/b.joblib")
    mirror.copy()
    assert mirror.path == mirror.folder / "b.joblib"
    assert is_copy(mirror.path)
    assert not is_copy(mirror.folder)
    assert set(contents(mirror)) == {"b.joblib", "b.joblib.sig", "b.report.html"}
    assert local_artifact(f"{URI}/a.joblib").read_bytes() == b"first"
    with pytest.raises(ObjectStoreError, match="must be the URI of an artifact"):
        local_artifact(URI)
    with pytest.raises(ObjectStoreError, match="it does not exist"):
        local_artifact(f"{URI}/none.joblib")
    assert store.read


@pytest.mark.parametrize("etag", ["", '"1"'])
def test_a_recent_file_is_compared_by_its_etag(store: FakeStore, etag: str) -> None:
    """Another file of this size may have come within the same second."""
    store.put(f"{PATH}/current", b"a.joblib\n", changed_at=time(), etag=etag)
    mirror = Mirror(URI)
    mirror.copy()
    number = (mirror.folder / "current").stat().st_ino
    store.read.clear()
    mirror.copy()
    assert store.read == ([] if etag else ["current"])
    assert ((mirror.folder / "current").stat().st_ino == number) == bool(etag)
    store.objects[f"{PATH}/current"].content = b"b.joblib\n"
    store.objects[f"{PATH}/current"].etag = etag and '"2"'
    mirror.copy()
    assert (mirror.folder / "current").read_bytes() == b"b.joblib\n"


def test_a_change_between_the_requests_for_content_and_etag_is_copied(store: FakeStore) -> None:
    pointer = f"{PATH}/current"
    store.put(pointer, b"a.joblib\n", changed_at=time(), etag='"1"')

    def change(operation: str) -> None:
        if operation == "metadata of current":
            store.put(pointer, b"b.joblib\n", changed_at=time() + 1, etag='"2"')

    store.before = change
    mirror = Mirror(URI)
    mirror.copy()
    mirror.copy()
    assert (mirror.folder / "current").read_bytes() == b"b.joblib\n"


def test_other_names_are_not_copied(store: FakeStore) -> None:
    for name in ("text", ".a.joblib", "a\n.joblib", "a\\b.joblib", "x.joblib.sig.old"):
        store.put(f"{PATH}/{name}", b"x")
    mirror = Mirror(URI)
    mirror.copy()
    assert set(contents(mirror)) == {
        "a.joblib",
        "b.joblib",
        "b.joblib.sig",
        "b.report.html",
        "current",
    }


@pytest.mark.parametrize(
    ("name", "limit"), [("current", 1024), ("b.joblib.sig", 64), ("c.joblib", 1000)]
)
def test_sizes_are_limited(
    store: FakeStore, name: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    store.put(f"{PATH}/{name}", b"x" * (limit + 1))
    mirror = Mirror(URI)
    with pytest.raises(ObjectStoreError, match=f"{name} is larger than {limit} bytes"):
        mirror.copy()
    assert not (mirror.folder / name).exists()
    assert (mirror.folder / "a.joblib").exists()


def test_too_many_files_are_refused(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 4)
    with pytest.raises(ObjectStoreError, match="more than 4 files"):
        Mirror(URI).copy()
    assert store.read == []


def test_a_failure_changes_nothing(store: FakeStore) -> None:
    mirror = Mirror(URI)
    mirror.copy()
    before, copied_at = contents(mirror), mirror.copied_at
    store.error = OSError("AWS Error NETWORK_CONNECTION during ListObjectsV2 operation")
    with pytest.raises(ObjectStoreError, match=f"^{URI}: the object store does not answer$"):
        mirror.copy()
    store.error, store.objects = None, {}
    with pytest.raises(ObjectStoreError, match="it does not exist"):
        mirror.copy()
    store.put(f"{PATH}/text", b"x")
    with pytest.raises(ObjectStoreError, match=r"it has no \*\.joblib"):
        mirror.copy()
    assert (contents(mirror), mirror.copied_at) == (before, copied_at)
    assert mirror.is_usable


def test_a_file_that_cannot_be_read_keeps_the_others_from_nothing(store: FakeStore) -> None:
    mirror = Mirror(URI)
    mirror.copy()
    os.utime(mirror.folder / ".mirror.json", (1.0, 1.0))
    store.put(f"{PATH}/c.joblib", b"new")
    store.put(f"{PATH}/d.joblib", b"unreadable")
    store.unreadable[f"{PATH}/d.joblib"] = PermissionError("AWS Error ACCESS_DENIED")
    store.put(f"{PATH}/current", b"c.joblib\n", changed_at=1.0)
    with pytest.raises(ObjectStoreError, match="access denied"):
        mirror.copy()
    assert mirror.copied_at == 1.0  # of the last time that all was equal
    assert contents(mirror) == {
        name: content for name, content in in_store(store).items() if name != "d.joblib"
    }
    store.put(f"{PATH}/current", b"d.joblib\n", changed_at=2.0)
    with pytest.raises(ObjectStoreError, match="access denied"):
        mirror.copy()
    assert contents(mirror)["current"] == b"c.joblib\n"
    store.unreadable.clear()
    mirror.copy()
    assert contents(mirror) == in_store(store)
    assert mirror.copied_at != 1.0


def test_a_file_that_changes_while_it_is_read_is_read_again(store: FakeStore) -> None:
    reads: list[str] = []

    def change(operation: str) -> None:
        reads.append(operation)
        if reads.count("read") == 1 and operation == "read":
            store.put(f"{PATH}/a.joblib", b"longer than before")

    store.before = change
    mirror = Mirror(URI)
    mirror.copy()
    assert contents(mirror)["a.joblib"] == b"longer than before"


def test_a_file_that_always_changes_is_an_error(store: FakeStore) -> None:
    def change(operation: str) -> None:
        if operation == "read":
            store.objects[f"{PATH}/a.joblib"].content += b"x"

    store.before = change
    mirror = Mirror(URI)
    with pytest.raises(ObjectStoreError, match=r"a\.joblib changed while it was read"):
        mirror.copy()
    assert not (mirror.folder / "a.joblib").exists()
    assert not [each for each in mirror.folder.iterdir() if each.name.startswith(".a.")]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": {"a.joblib": {"size": 1}}}'])
def test_a_damaged_state_is_made_again(store: FakeStore, damage: str) -> None:
    mirror = Mirror(URI)
    mirror.copy()
    (mirror.folder / ".mirror.json").write_text(damage)
    (mirror.folder / "a.joblib").write_bytes(b"xxxxx")
    mirror.copy()
    assert contents(mirror) == in_store(store)
    assert json.loads((mirror.folder / ".mirror.json").read_text())["uri"] == URI


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_lost_or_cut_local_file_is_copied_again(store: FakeStore, damage: str) -> None:
    mirror = Mirror(URI)
    mirror.copy()
    file = mirror.folder / "a.joblib"
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes(b"f")
    mirror.copy()
    assert contents(mirror) == in_store(store)


def test_one_process_at_a_time_copies(store: FakeStore) -> None:
    first, second = Mirror(URI), Mirror(URI)
    seen: list[bool] = []
    store.before = lambda operation: seen.append(second.copy()) if operation == "list" else None
    assert first.copy()
    assert seen == [False]
    store.before = lambda _: None
    second.copy_and_wait()
    assert not second.copy(max_age_seconds=60)
    assert second.copy()
    os.utime(first.folder / ".mirror.json", (time() + 1e6, time() + 1e6))  # the clock was set back
    assert second.copy(max_age_seconds=60)


def test_waiting_for_another_process(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = Mirror(URI)
    outcomes = iter([False, False, True])
    pauses: list[float] = []
    monkeypatch.setattr(mirror, "copy", lambda: next(outcomes))
    monkeypatch.setattr(module, "sleep", pauses.append)
    mirror.copy_and_wait()
    assert len(pauses) == 2
    assert store.read == []


def test_the_folder_of_copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MALIGNANCY_ARTIFACT_CACHE", "/one")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    monkeypatch.setenv("HOME", "/three")
    assert cache_folder() == Path("/one")
    monkeypatch.delenv("MALIGNANCY_ARTIFACT_CACHE")
    assert cache_folder() == Path("/two/malignancy/artifacts")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == Path("/three/.cache/malignancy/artifacts")
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # a user without an entry
    with pytest.raises(ObjectStoreError, match="set MALIGNANCY_ARTIFACT_CACHE"):
        cache_folder()
    one, other = Mirror(URI, tmp_path), Mirror(f"{URI}/x.joblib", tmp_path)
    assert one.folder.parent == other.folder.parent == tmp_path
    assert one.folder != other.folder


def test_a_store_that_cannot_be_opened(store: FakeStore) -> None:
    with pytest.raises(ObjectStoreError, match="not supported"):
        Mirror("gs://bucket/folder").copy()
    assert store.read == []

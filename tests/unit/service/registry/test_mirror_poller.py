"""Tests of service.registry.mirror_poller: starts and outages of an object store."""

import asyncio
import dataclasses
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.background_failures import failures
from support.eventually import until
from support.fake_object_store import FakeStore, install

from model.artifacts import artifact
from model.errors import ArtifactError
from model.prediction.predictor import Predictor
from service.app import create_app
from service.registry import mirror_poller
from service.registry.mirror_poller import MirrorPoller, local_files, polling_all
from service.settings import SettingError, Settings

pytestmark = pytest.mark.anyio

URI = "s3://bucket/folder"
LOST = OSError("AWS Error NETWORK_CONNECTION during ListObjectsV2 operation: secret")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeStore:
    store = install(monkeypatch, tmp_path / "cache")
    store.put("bucket/folder/a.joblib", b"first")
    return store


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_poller, "POLL_SECONDS", 0.001)
    monkeypatch.setattr("service.registry.reloader.POLL_SECONDS", 0.001)
    monkeypatch.setattr("service.backoff.FIRST_SECONDS", 0.001)
    monkeypatch.setattr("service.backoff.MAX_SECONDS", 0.001)


@contextmanager
def held(store: FakeStore) -> Iterator[threading.Event]:
    """Hold every operation of the store within the context."""
    going_on = threading.Event()

    def wait(_: str) -> None:
        assert going_on.wait(60)

    store.before = wait
    try:
        yield going_on
    finally:
        going_on.set()


def test_local_files_need_no_poller() -> None:
    assert local_files(Path("a"), None) == (Path("a"), None)


def test_files_are_copied_at_the_start(store: FakeStore, tmp_path: Path) -> None:
    path, poller = local_files(URI, tmp_path / "other")
    assert poller is not None
    assert poller.problem is None
    assert (path / "a.joblib").read_bytes() == b"first"
    assert path.parent == tmp_path / "other"
    assert store.read == ["a.joblib"]


def test_a_start_needs_the_store_or_a_copy(
    store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.error = LOST
    with pytest.raises(ArtifactError, match=f"^{URI}: the object store does not answer$"):
        local_files(URI, None)
    store.error = None
    local_files(URI, None)
    store.error = LOST
    caplog.clear()
    _, poller = local_files(URI, None)
    assert poller is not None
    assert poller.problem == (
        "its files may be older than its object store: the object store does not answer"
    )
    (record,) = caplog.records
    assert (record.message, record.levelno) == ("artifact_store_failed", logging.WARNING)
    assert vars(record)["path"] == "folder"
    assert vars(record)["error"] == "the object store does not answer"


def test_a_store_that_hangs_delays_a_start_for_a_limited_time(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_poller, "MAX_START_SECONDS", 0.01)
    monkeypatch.setattr(mirror_poller, "MAX_START_WITH_COPY_SECONDS", 0.01)
    poller = MirrorPoller(URI)
    with held(store) as going_on:
        with pytest.raises(ArtifactError, match="the object store does not answer"):
            poller.copy_first()
        going_on.set()
        until(lambda: poller.problem is None)  # the copy has ended in the background
    with held(store) as going_on:
        again = MirrorPoller(URI)
        again.copy_first()
        assert "does not answer" in str(again.problem)
        another = MirrorPoller(URI)  # the copy is locked
        another.copy_first()
        assert "does not answer" in str(another.problem)
        going_on.set()
        until(lambda: again.problem is None)


def test_a_start_during_the_copy_of_another_process_has_a_reason(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_poller, "MAX_START_SECONDS", 0.1)
    monkeypatch.setattr(mirror_poller, "LOCK_SECONDS", 0.0)  # the thread ends before the wait
    with held(store) as going_on:
        with pytest.raises(ArtifactError, match="the object store does not answer"):
            MirrorPoller(URI).copy_first()
        with pytest.raises(ArtifactError, match="the object store does not answer"):
            MirrorPoller(URI).copy_first()
        going_on.set()


def test_a_missing_pyarrow_is_named(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    local_files(URI, None)
    with pytest.raises(ArtifactError, match="must name a bucket"):
        MirrorPoller("s3://a.joblib")
    monkeypatch.setitem(sys.modules, "pyarrow.fs", None)
    with pytest.raises(ArtifactError, match="needs pyarrow"):  # although there is a copy
        local_files(URI, None)
    assert store.read == ["a.joblib"]


@pytest.mark.usefixtures("quick")
def test_changes_and_outages_are_seen(store: FakeStore, caplog: pytest.LogCaptureFixture) -> None:
    path, poller = local_files(URI, None)
    assert poller is not None
    with caplog.at_level(logging.INFO), poller.polling():
        store.put("bucket/folder/b.joblib", b"second")
        until((path / "b.joblib").exists)
        store.error = LOST
        until(lambda: poller.problem is not None)
        store.error = None
        until(lambda: poller.problem is None)
    assert caplog.messages == ["artifact_store_failed", "artifact_store_recovered"]


def test_the_end_of_the_context_ends_the_thread(store: FakeStore) -> None:
    _, poller = local_files(URI, None)
    before = set(threading.enumerate())
    assert poller is not None
    with polling_all([poller]):
        (thread,) = set(threading.enumerate()) - before
    thread.join(60)
    assert not thread.is_alive()
    assert store.read == ["a.joblib"]


def test_a_wake_compares_at_once(store: FakeStore) -> None:
    path, poller = local_files(URI, None)
    assert poller is not None
    with poller.polling():
        store.put("bucket/folder/b.joblib", b"second")
        poller.wake()
        until((path / "b.joblib").exists)


def test_an_old_copy_is_reported(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    _, poller = local_files(URI, None)
    assert poller is not None
    monkeypatch.setattr(mirror_poller, "MAX_UNREAD_SECONDS", -1.0)
    assert poller.problem == "its object store was last read 0 s ago"
    assert store.read == ["a.joblib"]


def test_an_unexpected_error_is_counted(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    local_files(URI, None)
    before = failures("artifact_mirror")

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("model.artifacts.mirror_state.MirrorState.read", fail)
    _, poller = local_files(URI, None)
    assert poller is not None
    assert "an unexpected error" in str(poller.problem)
    assert failures("artifact_mirror") == before + 1
    assert store.read == ["a.joblib"]


def test_a_copy_that_cannot_be_written_is_reported_without_its_path(
    store: FakeStore, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="local copy cannot be written: Not a dir") as caught:
        local_files(URI, tmp_path / "file" / "cache")
    assert str(tmp_path) not in str(caught.value)
    assert store.read == []


@pytest.mark.usefixtures("quick", "fresh_snapshots")
async def test_sighup_compares_at_once(
    store: FakeStore, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = [dataclasses.replace(predictor, facts={"description": each}) for each in "ab"]
    first, second = map(artifact.to_bytes, versions)
    store.objects.clear()
    store.put("bucket/folder/a.joblib", first)
    app = create_app(Settings(artifact=URI))
    monkeypatch.setattr(mirror_poller, "POLL_SECONDS", 1000.0)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        store.put("bucket/folder/a.joblib", second, changed_at=1.0)
        os.kill(os.getpid(), signal.SIGHUP)
        version = artifact.from_bytes(second).version
        async with asyncio.timeout(60):
            while (await client.get("/model")).json()["version"] != version:
                await asyncio.sleep(0.001)


def test_a_shadow_is_copied(store: FakeStore, predictor: Predictor, tmp_path: Path) -> None:
    store.objects.clear()
    store.put("bucket/folder/a.joblib", artifact.to_bytes(predictor))
    artifact.save(predictor, tmp_path / "local.joblib")
    settings = Settings.model_validate(
        {
            "artifact": tmp_path / "local.joblib",
            "shadow": f"{predictor.name}={URI}",
            "store": f"sqlite:///{tmp_path / 'store.db'}",
        }
    )
    create_app(settings)
    assert store.read == ["a.joblib"]
    with pytest.raises(SettingError, match="must name the model"):
        create_app(settings.model_copy(update={"shadow": f"other={URI}"}))

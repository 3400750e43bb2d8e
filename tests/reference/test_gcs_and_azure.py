"""Artifacts and datasets in Google Cloud Storage and Azure Blob Storage, with their emulators.

The emulators are large or need other versions than this project: make stores.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest
from conftest import Program
from support.arrow_streams import scores
from support.emulated_stores import AZURE_KEY, EmulatedStore, emulated_store
from support.scored_datasets import parts, pq, score, scorer_of, scorers

from model.artifacts import artifact
from model.artifacts.mirror import Mirror
from model.artifacts.signing import make_keys
from model.errors import ArtifactError, ObjectStoreError
from model.prediction.predictor import Predictor
from service.app import create_app
from service.scoring.storage import Storage
from service.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["gs", "abfs"])
def store(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[EmulatedStore]:
    monkeypatch.setenv("MALIGNANCY_ARTIFACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("model.artifacts.remote.GS_RETRY_SECONDS", 2.0)
    with emulated_store(request.param, monkeypatch) as found:
        yield found


@pytest.fixture
def versions(predictor: Predictor, tmp_path: Path) -> dict[str, Path]:
    """Return two artifacts by the names of their files."""
    folder = tmp_path / "versions"
    folder.mkdir()
    found = {name: folder / f"{name}.joblib" for name in ("a", "b")}
    for name, file in found.items():
        artifact.save(dataclasses.replace(predictor, facts={"description": name}), file)
    return found


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


async def test_promoted_artifacts_are_served(
    store: EmulatedStore,
    versions: dict[str, Path],
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.registry.mirror_poller.POLL_SECONDS", 0.05)
    monkeypatch.setattr("service.registry.reloader.POLL_SECONDS", 0.01)
    monkeypatch.setattr("service.backoff.FIRST_SECONDS", 0.05)
    monkeypatch.setattr("service.backoff.MAX_SECONDS", 0.05)
    monkeypatch.setattr("service.routes.snapshot.FRESH_SECONDS", 0.0)
    folder = f"{store.uri}/article"
    code, out, err = program("promote", versions["a"], "--to", folder)
    assert (code, err) == (0, "")
    assert out.endswith(f"is the active version in {folder}\n")
    assert store.get("article/a.joblib") == versions["a"].read_bytes()
    assert store.get("article/current") == b"a.joblib\n"

    app = create_app(Settings(artifact=folder))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client,
    ):

        async def until_active(name: str, failure: str = "") -> None:
            deadline = monotonic() + 60
            while True:
                answer = (await client.get("/health/ready")).json()
                failures = str(answer.get("failures", ""))
                if digest_of(versions[name])[:12] in answer["model"] and failure in failures:
                    return
                assert monotonic() < deadline, answer

        await until_active("a")
        assert program("promote", versions["b"], "--to", folder)[0] == 0
        await until_active("b")
        assert program("promote", f"{folder}/a.joblib")[0] == 0
        await until_active("a")
        store.kill()
        await until_active("a", "may be older than its object store")
    create_app(Settings(artifact=folder))  # from the copies


def test_digests_and_signatures_are_enforced(
    store: EmulatedStore, versions: dict[str, Path], program: Program, tmp_path: Path
) -> None:
    file, folder = versions["a"], f"{store.uri}/article"
    public = make_keys(tmp_path / "key")
    assert program("promote", file, "--to", folder)[0] == 0
    with pytest.raises(ArtifactError, match="its SHA-256 is not in"):
        create_app(Settings(artifact=folder, artifact_digest="0" * 64))
    with pytest.raises(ArtifactError, match=r"signature a\.joblib\.sig is missing"):
        create_app(Settings(artifact=folder, artifact_public_key=public))
    assert program("sign", file, "--key", tmp_path / "key")[0] == 0
    assert program("promote", file, "--to", folder)[0] == 0
    create_app(Settings(artifact=folder, artifact_public_key=public))


def test_a_job_reads_and_writes_the_store(
    store: EmulatedStore, artifact_path: Path, tmp_path: Path
) -> None:
    local = tmp_path / "rows"
    for number in range(2):
        part = local / f"year={number}"
        part.mkdir(parents=True)
        pq.write_table(scores(500), part / "rows.parquet")
        store.put(f"rows/year={number}/rows.parquet", (part / "rows.parquet").read_bytes())
    store.put("model.joblib", artifact_path.read_bytes())
    scorer = scorer_of(artifact_path)
    score(scorer, local, tmp_path / "expected")

    remote = scorers.Scorer(f"{store.uri}/model.joblib", scorer.digest)
    assert score(remote, f"{store.uri}/rows", f"{store.uri}/to").counts.rows == 1000
    copied = Storage(f"{store.uri}/to")
    for each in copied.files():
        path = tmp_path / "copied" / each.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(copied.read(each.name) or b"")
    assert parts(tmp_path / "copied") == parts(tmp_path / "expected")
    assert (tmp_path / "copied" / "_SUCCESS").exists()
    assert score(remote, f"{store.uri}/rows", f"{store.uri}/to").skipped == 2
    pattern = f"{store.uri}/rows/year=1/*.parquet"
    assert score(remote, pattern, f"{store.uri}/part").counts.rows == 500


def test_what_does_not_exist_is_named(store: EmulatedStore, tmp_path: Path) -> None:
    for bucket in (store.uri, store.uri.replace("models", "other")):
        uri = f"{bucket}/none"
        with pytest.raises(ObjectStoreError, match=f"^{uri}: (it|the bucket) does not exist$"):
            Mirror(uri, tmp_path / "copies").copy()


def test_a_store_that_is_gone_is_named_without_secrets(
    store: EmulatedStore, tmp_path: Path
) -> None:
    store.kill()
    began = monotonic()
    with pytest.raises(ObjectStoreError, match=f"^{store.uri}/article: ") as caught:
        Mirror(f"{store.uri}/article", tmp_path / "copies").copy()
    assert monotonic() - began < 60
    assert AZURE_KEY not in str(caught.value)
    assert len(str(caught.value)) < 200

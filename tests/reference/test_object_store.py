"""Artifacts in an object store: promoted, copied and served, with moto's S3 server and pyarrow."""

import dataclasses
import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic

import httpx
import pytest
from conftest import Program
from support.eventually import until
from support.object_store import ENVIRONMENT, ObjectStore, object_store
from support.service_process import Service

from model.artifacts import artifact
from model.artifacts.mirror import Mirror
from model.artifacts.signing import make_keys
from model.errors import ArtifactError, ObjectStoreError
from model.prediction.predictor import Predictor
from service.app import create_app
from service.registry import mirror_poller
from service.settings import Settings

pytestmark = pytest.mark.anyio

URI = "s3://models/article"
SECRETS = tuple(ENVIRONMENT[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ObjectStore]:
    with object_store(monkeypatch, tmp_path / "cache", "models") as store:
        yield store


@pytest.fixture
def versions(predictor: Predictor, tmp_path: Path) -> dict[str, Path]:
    """Return two artifacts by the names of their files."""
    folder = tmp_path / "versions"
    folder.mkdir()
    found = {}
    for name in ("a", "b"):
        file = folder / f"{name}.joblib"
        artifact.save(dataclasses.replace(predictor, facts={"description": name}), file)
        found[name] = file
    return found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with the store every 50 ms, and load what has changed every 10 ms."""
    monkeypatch.setattr("service.registry.mirror_poller.POLL_SECONDS", 0.05)
    monkeypatch.setattr("service.registry.reloader.POLL_SECONDS", 0.01)
    monkeypatch.setattr("service.backoff.FIRST_SECONDS", 0.05)
    monkeypatch.setattr("service.backoff.MAX_SECONDS", 0.05)
    monkeypatch.setattr("service.routes.snapshot.FRESH_SECONDS", 0.0)


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


async def health(client: httpx.AsyncClient) -> dict[str, object]:
    response = await client.get("/health/ready")
    assert response.status_code == 200
    answer: dict[str, object] = response.json()
    return answer


async def until_health(client: httpx.AsyncClient, part: str, failure: str = "") -> None:
    """Wait until the model's title has a part, and a failure has a text; by default without any.

    A poll that began earlier may still report another failure.
    """
    deadline = monotonic() + 60
    while True:
        answer = await health(client)
        failures = str(answer.get("failures", ""))
        if part in str(answer["model"]) and (failure in failures if failure else not failures):
            return
        assert monotonic() < deadline, answer


def test_promoted_artifacts_are_served_by_a_process(
    store: ObjectStore, versions: dict[str, Path], program: Program, tmp_path: Path
) -> None:
    code, out, err = program("promote", versions["a"], "--to", URI)
    assert (code, err) == (0, "")
    assert out.endswith(f"is the active version in {URI}\n")
    assert store.get("models/article/a.joblib") == versions["a"].read_bytes()
    assert store.get("models/article/current") == b"a.joblib\n"

    log = tmp_path / "log.txt"
    with Service(URI, log, log_format="json") as service:
        service.until_ready()
        assert digest_of(versions["a"])[:12].encode() in service.get("/health/ready")
        assert program("promote", versions["b"], "--to", f"{URI}/")[0] == 0
        until(lambda: digest_of(versions["b"])[:12].encode() in service.get("/health/ready"))
        assert program("promote", f"{URI}/a.joblib")[0] == 0
        until(lambda: digest_of(versions["a"])[:12].encode() in service.get("/health/ready"))
        store.pause()  # in the middle of a comparison or before one
        began = monotonic()
        service.process.terminate()
        assert service.end() == 0
        assert monotonic() - began < 15
        store.resume()

    store.kill()
    with Service(URI, log, log_format="json", workers=2) as service:
        service.until_ready()
        answer = service.get("/health/ready")
        assert digest_of(versions["a"])[:12].encode() in answer
        assert b"object store does not answer" in answer
        service.process.terminate()
        assert service.end() == 0
    text = log.read_text()
    assert "artifact_store_failed" in text
    assert not any(secret in text for secret in SECRETS)


@pytest.mark.usefixtures("quick")
async def test_a_lost_store_stops_no_answers(
    store: ObjectStore, versions: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    store.upload(versions["a"].parent, "models/article")
    store.put("models/article/current", b"a.joblib\n")
    app = create_app(Settings(artifact=URI))
    transport = httpx.ASGITransport(app=app)
    title = {name: digest_of(file)[:12] for name, file in versions.items()}
    with caplog.at_level(logging.INFO):
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            await until_health(client, title["a"])
            store.kill()
            text = "may be older than its object store: the object store does not answer"
            await until_health(client, title["a"], text)
            store.start("models")
            store.upload(versions["a"].parent, "models/article")
            store.put("models/article/current", b"b.joblib\n")
            await until_health(client, title["b"])
            store.pause()  # accepts connections, and does not answer
            response = await client.get("/models")
            assert len(response.json()["models"][0]["versions"]) == 2
            store.resume()
            await until_health(client, title["b"])
            store.put("models/article/current", b"none.joblib\n")
            await until_health(client, title["b"], "none.joblib")
            store.put("models/article/current", b"a.joblib\n")
            store.delete("models/article/b.joblib")
            await until_health(client, title["a"])
            while len((await client.get("/models")).json()["models"][0]["versions"]) > 1:
                pass
    assert "artifact_store_failed" in caplog.messages
    assert "artifact_store_recovered" in caplog.messages
    assert not any(secret in caplog.text for secret in SECRETS)


def test_a_start_without_the_store_serves_the_last_files(
    store: ObjectStore, versions: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    store.put("models/article/a.joblib", versions["a"].read_bytes())
    settings = Settings(artifact=URI, extra_artifacts="")
    create_app(settings)
    store.kill()
    create_app(settings)
    (record,) = [each for each in caplog.records if each.message == "artifact_store_failed"]
    assert record.levelname == "WARNING"
    with pytest.raises(ArtifactError, match=r"^s3://models/other: the object store does not answ"):
        create_app(Settings(artifact="s3://models/other"))


def test_a_start_waits_a_limited_time_for_a_store_that_hangs(
    store: ObjectStore, versions: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("models/article/a.joblib", versions["a"].read_bytes())
    settings = Settings(artifact=f"{URI}/a.joblib")
    create_app(settings)
    monkeypatch.setattr(mirror_poller, "MAX_START_WITH_COPY_SECONDS", 0.2)
    store.pause()
    began = monotonic()
    create_app(settings)
    assert monotonic() - began < 5
    store.resume()


@pytest.mark.parametrize("uri", [URI, f"{URI}/a.joblib"])
def test_digests_and_signatures_are_enforced(
    store: ObjectStore, versions: dict[str, Path], program: Program, tmp_path: Path, uri: str
) -> None:
    file = versions["a"]
    store.put("models/article/a.joblib", file.read_bytes())
    with pytest.raises(ArtifactError, match="its SHA-256 is not in"):
        create_app(Settings(artifact=uri, artifact_digest="0" * 64))
    create_app(Settings(artifact=uri, artifact_digest=digest_of(file)))

    public = make_keys(tmp_path / "key")
    settings = Settings(artifact=uri, artifact_public_key=public)
    with pytest.raises(ArtifactError, match=r"signature a\.joblib\.sig is missing"):
        create_app(settings)
    assert program("sign", file, "--key", tmp_path / "key")[0] == 0
    assert program("promote", file, "--to", URI)[0] == 0
    create_app(settings)
    store.put("models/article/a.joblib.sig", b"\0" * 64)
    with pytest.raises(ArtifactError, match="does not verify"):
        create_app(settings)


def test_files_that_change_within_a_second_are_copied(store: ObjectStore, tmp_path: Path) -> None:
    mirror = Mirror(URI, tmp_path / "copies")
    store.put("models/article/a.joblib", b"first")
    for content in (b"a.joblib\n", b"b.joblib\n", b"c.joblib\n", b"c.joblib\n"):
        store.put("models/article/current", content)
        assert mirror.copy()
        assert (mirror.folder / "current").read_bytes() == content
    store.put("models/article/a.joblib", b"other")
    mirror.copy()
    assert (mirror.folder / "a.joblib").read_bytes() == b"other"
    before = (mirror.folder / "a.joblib").stat()
    mirror.copy()
    assert (mirror.folder / "a.joblib").stat() == before


def test_an_artifact_of_the_store_is_read_by_commands(
    store: ObjectStore, versions: dict[str, Path], program: Program, tmp_path: Path
) -> None:
    store.put("models/article/a.joblib", versions["a"].read_bytes())
    uri = f"{URI}/a.joblib"
    code, out, _ = program("inspect", uri, "--json")
    assert code == 0
    assert json.loads(out)["version"] == digest_of(versions["a"])
    page = tmp_path / "page.html"
    assert program("report", uri)[0] == 2
    assert program("report", uri, "--output", page)[0] == 0
    assert page.is_file()
    for arguments, text in (
        (("inspect", URI), "must be the URI of an artifact"),
        (("inspect", f"{URI}/none.joblib"), "it does not exist"),
        (("inspect", "s3://none/x.joblib"), "it does not exist"),
        (("sign", uri, "--key", page), "must be a local file"),
        (("promote", uri, "--to", URI), "--to needs a local"),
        (("promote", versions["a"], "--to", uri), "--to must be the URI of a folder"),
        (("promote", versions["a"], "--to", "s3://none/x"), "the bucket does not exist"),
        (("promote", versions["a"], "--to", "s3://a:b@c/x"), "must not contain credentials"),
    ):
        code, out, err = program(*arguments)
        assert (code, out) == (2, "")
        assert text in err
        assert err.count("\n") == 1


def test_a_version_is_not_overwritten(
    store: ObjectStore, versions: dict[str, Path], program: Program
) -> None:
    assert program("promote", versions["a"], "--to", URI)[0] == 0
    assert program("promote", versions["a"], "--to", URI)[0] == 0
    content = versions["a"].read_bytes()
    versions["a"].write_bytes(versions["b"].read_bytes())
    code, _, err = program("promote", versions["a"], "--to", URI)
    assert code == 2
    assert "exists already with other bytes" in err
    assert store.get("models/article/a.joblib") == content


def test_the_gate_compares_with_the_active_version_of_the_store(
    store: ObjectStore, predictor: Predictor, versions: dict[str, Path], program: Program
) -> None:
    assert program("promote", versions["a"], "--to", URI, "--unless-worse")[0] == 0
    code, out, _ = program("promote", versions["b"], "--to", URI, "--unless-worse")
    assert code == 0
    assert "accuracy" in out
    worse = dataclasses.replace(
        predictor,
        facts={"description": "worse"},
        validation=dataclasses.replace(
            predictor.validation, predictions=1 - predictor.validation.predictions
        ),
    )
    file = versions["a"].with_name("worse.joblib")
    artifact.save(worse, file)
    code, out, err = program("promote", file, "--to", URI, "--unless-worse")
    assert (code, err) == (1, "")
    assert "not promoted: significantly worse" in out
    assert store.get("models/article/current") == b"b.joblib\n"
    store.put("models/article/worse.joblib", file.read_bytes())
    assert program("promote", f"{URI}/worse.joblib", "--unless-worse")[0] == 1
    assert store.get("models/article/current") == b"b.joblib\n"


def test_an_empty_folder_and_a_missing_bucket(store: ObjectStore, tmp_path: Path) -> None:
    for uri, text in (
        ("s3://models/none", "it does not exist"),
        ("s3://none/none", "the bucket does not exist"),
    ):
        with pytest.raises(ObjectStoreError, match=f"^{uri}: {text}"):
            Mirror(uri, tmp_path / "copies").copy()
    store.put("models/article/text", b"x")
    with pytest.raises(ObjectStoreError, match=r"it has no \*\.joblib"):
        Mirror(URI, tmp_path / "copies").copy()


def test_credentials_in_the_endpoint_are_refused(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://name:hidden@127.0.0.1:{store.port}")
    with pytest.raises(ArtifactError, match="AWS_ENDPOINT_URL must be") as caught:
        create_app(Settings(artifact=URI))
    assert "hidden" not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_named(
    store: ObjectStore, versions: dict[str, Path], tmp_path: Path
) -> None:
    store.put("models/article/a.joblib", versions["a"].read_bytes())
    (tmp_path / "file").touch()
    settings = Settings(artifact=URI, artifact_cache=tmp_path / "file")
    with pytest.raises(ArtifactError, match="the local copy cannot be written"):
        create_app(settings)


def test_a_service_of_local_files_does_not_import_pyarrow(artifact_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from service.app import create_app; "
        "from service.settings import Settings; "
        "create_app(Settings(artifact=Path(sys.argv[1]))); print('pyarrow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(artifact_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "AccessDenied", "access denied, or no credentials in the environment"),
        (403, "SignatureDoesNotMatch", "access denied, or no credentials in the environment"),
        (400, "ExpiredToken", "access denied, or no credentials in the environment"),
        (301, "PermanentRedirect", "the bucket is in another region: set AWS_REGION"),
        (503, "SlowDown", "the object store does not answer"),
        (200, "Nonsense", r"the object store failed \(UNKNOWN\)"),
    ],
)
def test_refusals_are_named_without_their_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, code: str, reason: str
) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow: make oracles")
    body = f"<Error><Code>{code}</Code><Message>hidden</Message></Error>".encode()

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever).start()
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(ObjectStoreError, match=f"^{URI}: {reason}$"):
            Mirror(URI, tmp_path).copy()
        server.shutdown()

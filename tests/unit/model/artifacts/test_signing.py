"""Pinned digests and signatures: other artifacts are not served."""

import dataclasses
import hashlib
import logging
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model.artifacts import artifact
from model.artifacts.repository import make_current
from model.artifacts.signing import (
    check_signature,
    make_keys,
    read_private_key,
    read_public_key,
    sign,
)
from model.errors import ArtifactError, SigningError
from model.prediction.predictor import Predictor
from service.app import create_app
from service.registry.model_version import ModelVersion
from service.registry.reloadable_model import ReloadableModel
from service.security.artifact_policy import artifact_check
from service.settings import SettingError, Settings, read_settings

DIGEST = "its SHA-256 is not in MALIGNANCY_ARTIFACT_DIGEST: "
SIGNED = "signature a.joblib.sig does not verify with the trusted key"
UNSIGNED = "signature a.joblib.sig is missing or cannot be read"


Program = Callable[..., tuple[int, str, str]]


def saved(predictor: Predictor, path: Path, mark: str = "") -> str:
    return artifact.save(dataclasses.replace(predictor, facts={"description": mark}), path)


def watched(path: Path, settings: Settings) -> ReloadableModel:
    return ReloadableModel(
        path,
        lambda predictor: ModelVersion(predictor, settings),
        artifact_check(settings),
    )


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    pytest.importorskip("cryptography")
    private = tmp_path / "keys" / "key.pem"
    private.parent.mkdir()
    return private, make_keys(private)


# Digests


def test_only_a_pinned_digest_is_served(
    predictor: Predictor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "a.joblib"
    first = saved(predictor, file, "1")
    third = hashlib.sha256(b"another").hexdigest()
    model = watched(file, Settings(artifact_digest=f" {third} ,{first.upper()}"))
    assert model.current.predictor.version == first
    second = saved(predictor, file, "2")
    assert not model.reload()
    assert model.failure == f"a.joblib: {DIGEST}{second}"
    assert model.current.predictor.version == first
    with pytest.raises(ArtifactError, match=f"a.joblib: {DIGEST}"):
        watched(file, Settings(artifact_digest=first))
    saved(predictor, tmp_path / "b.joblib", "1")
    make_current(tmp_path / "b.joblib")
    with caplog.at_level(logging.WARNING):
        assert len(watched(tmp_path, Settings(artifact_digest=first)).versions) == 1
    record = caplog.records[-1]
    assert record.message == "model_version_skipped"
    assert DIGEST in vars(record)["error"]


def test_digests_apply_to_every_model(predictor: Predictor, tmp_path: Path) -> None:
    first = saved(predictor, tmp_path / "a.joblib")
    second = artifact.save(dataclasses.replace(predictor, name="other"), tmp_path / "b.joblib")
    paths = {"artifact": tmp_path / "a.joblib", "extra_artifacts": str(tmp_path / "b.joblib")}
    for pinned, refused in ((first, second), (second, first)):
        with pytest.raises(ArtifactError, match=f"{DIGEST}{refused}"):
            create_app(Settings.model_validate({**paths, "artifact_digest": pinned}))
    create_app(Settings.model_validate({**paths, "artifact_digest": f"{first},{second}"}))


def test_every_flipped_byte_has_another_digest(predictor: Predictor, tmp_path: Path) -> None:
    file = tmp_path / "a.joblib"
    check = artifact_check(Settings(artifact_digest=saved(predictor, file)))
    content = bytearray(file.read_bytes())
    check(file, bytes(content))
    for position in range(0, len(content), 29):
        content[position] ^= 1
        with pytest.raises(ArtifactError, match=DIGEST):
            check(file, bytes(content))
        content[position] ^= 1


@pytest.mark.parametrize("value", ["x", "0" * 63, "0" * 65, "0" * 64 + ",", "g" * 64, ","])
def test_invalid_digest(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALIGNANCY_ARTIFACT_DIGEST", value)
    with pytest.raises(SettingError, match=r"MALIGNANCY_ARTIFACT_DIGEST .*must be SHA-256"):
        read_settings([])


# Signatures


def test_only_a_signed_artifact_is_served(
    predictor: Predictor, tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    file, settings = tmp_path / "a.joblib", Settings(artifact_public_key=keys[1])
    first = saved(predictor, file, "1")
    with pytest.raises(ArtifactError, match=UNSIGNED):
        watched(file, settings)
    sign(file, file.read_bytes(), read_private_key(keys[0]))
    model = watched(file, settings)
    second = saved(predictor, file, "2")
    assert not model.reload()
    assert model.failure == f"a.joblib: {SIGNED}"
    assert not model.changed()
    sign(file, file.read_bytes(), read_private_key(keys[0]))
    assert model.changed()  # by its signature alone
    assert model.reload()
    assert [first, second] == [first, model.current.predictor.version]
    other = tmp_path / "other.pem"
    make_keys(other)
    sign(file, file.read_bytes(), read_private_key(other))
    with pytest.raises(ArtifactError, match=SIGNED):
        watched(file, settings)


def test_invalid_signatures(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    file, key = tmp_path / "a.joblib", read_public_key(keys[1])
    good = sign(file, b"content", read_private_key(keys[0])).read_bytes()
    check_signature(file, b"content", key)
    with pytest.raises(ArtifactError, match=SIGNED):
        check_signature(file, b"Content", key)
    signature = tmp_path / "a.joblib.sig"
    for position in range(64):
        flipped = bytearray(good)
        flipped[position] ^= 1
        signature.write_bytes(flipped)
        with pytest.raises(ArtifactError, match=SIGNED):
            check_signature(file, b"content", key)
    for wrong in (b"", good[:-1]):
        signature.write_bytes(wrong)
        with pytest.raises(ArtifactError, match=SIGNED):
            check_signature(file, b"content", key)
    signature.write_bytes(good + b"\n")
    with pytest.raises(ArtifactError, match=UNSIGNED):
        check_signature(file, b"content", key)
    signature.unlink()
    os.mkfifo(signature)
    with pytest.raises(ArtifactError, match=UNSIGNED):
        check_signature(file, b"content", key)


def test_keys(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" in private.read_bytes()
    assert b"PUBLIC KEY" in public.read_bytes()
    with pytest.raises(SigningError, match=r"key\.pem: exists already"):
        make_keys(private)
    private.rename(tmp_path / "moved.pem")
    with pytest.raises(SigningError, match=r"key\.pem\.pub: exists already"):
        make_keys(private)
    moved = read_private_key(tmp_path / "moved.pem")
    raw = tmp_path / "raw"
    raw.write_bytes(moved.private_bytes_raw())
    again = read_private_key(raw)
    assert again.private_bytes_raw() == moved.private_bytes_raw()
    raw.write_bytes(moved.public_key().public_bytes_raw())
    assert read_public_key(raw).public_bytes_raw() == raw.read_bytes()
    for wrong in (b"", b"x" * 31, public.read_bytes()):
        raw.write_bytes(wrong)
        with pytest.raises(SigningError, match="raw: not an Ed25519 private key"):
            read_private_key(raw)
    for wrong in (b"", b"x" * 33, (tmp_path / "moved.pem").read_bytes()):
        raw.write_bytes(wrong)
        with pytest.raises(SigningError, match="raw: not an Ed25519 public key"):
            read_public_key(raw)
    with pytest.raises(SigningError, match="not a file"):
        read_public_key(tmp_path)
    with pytest.raises(SigningError, match="No such file"):
        read_public_key(tmp_path / "none")


def test_invalid_public_key_setting(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    for path, why in ((tmp_path / "none", "No such file"), (keys[0], "not an Ed25519 public key")):
        with pytest.raises(SettingError) as caught:
            artifact_check(Settings(artifact_public_key=path))
        text = str(caught.value)
        assert text.startswith("MALIGNANCY_ARTIFACT_PUBLIC_KEY (--artifact-public-key) cannot be")
        assert why in text
        assert str(path) not in text


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    why = r"needs cryptography: pip install 'malignancy\[signing\]'"
    with pytest.raises(SettingError, match=f"ARTIFACT_PUBLIC_KEY .* {why}"):
        artifact_check(Settings(artifact_public_key=tmp_path / "key"))
    with pytest.raises(SigningError, match=why):
        make_keys(tmp_path / "key")
    with pytest.raises(SigningError, match=why):
        read_private_key(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


def test_keygen_and_sign_commands(program: Program, artifact_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    key, file = tmp_path / "made" / "key.pem", tmp_path / "a.joblib"
    file.write_bytes(artifact_path.read_bytes())
    assert program("keygen", key)[0] == 0
    code, out, _ = program("sign", file, "--key", key)
    assert (code, out.startswith(f"{file}.sig  article@")) == (0, True)
    check_signature(file, file.read_bytes(), read_public_key(key.with_name("key.pem.pub")))
    code, _, err = program("keygen", key)
    assert (code, err) == (2, f"error: {key}: exists already, and keys are never overwritten\n")
    file.write_bytes(file.read_bytes()[:-1])
    code, _, err = program("sign", file, "--key", key)
    assert (code, err) == (2, f"error: {file}: not an artifact, or a broken one\n")

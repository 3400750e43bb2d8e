"""Tests of model.artifacts.remote: URIs of object stores, without a connection."""

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.artifacts.remote import (
    check_uri,
    child_of,
    has_scheme,
    is_uri,
    open_filesystem,
    store_errors,
)
from model.errors import ObjectStoreError

GOOD = (
    "s3://bucket",
    "s3://bucket/",
    "s3://bucket/a folder/x.joblib",
    "S3://bucket/folder",
    "gs://bucket/folder/",
    "abfs://container/folder",
    "abfs://container@account.dfs.core.windows.net/folder",
    "file:///tmp/folder",
)


@pytest.mark.parametrize("uri", GOOD)
def test_uris_of_the_known_schemes(uri: str) -> None:
    assert is_uri(uri)
    assert has_scheme(uri)
    check_uri(uri)


@pytest.mark.parametrize("text", ["", "a.joblib", "/s3://x", "s3:/x", "./s3://x", "C:\\s3"])
def test_paths_are_no_uris(text: str) -> None:
    assert not is_uri(text)
    assert not has_scheme(text)


def test_another_scheme_is_no_uri_of_a_store() -> None:
    assert has_scheme("https://host/x")
    assert not is_uri("https://host/x")


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("https://secret/x", "must begin with one of s3://"),
        ("s3://", "must name a bucket"),
        ("s3:///x", "must name a bucket"),
        ("s3://key:secret@bucket/x", "must not contain credentials"),
        ("s3://secret@bucket/x", "must not contain credentials"),
        ("gs://secret@bucket/x", "must not contain credentials"),
        ("abfs://c:secret@account.dfs.core.windows.net/x", "must not contain credentials"),
        ("abfs://secret@example.org/x", "must not contain credentials"),
        ("abfs://@account.dfs.core.windows.net/x", "must name a container"),
        ("s3://bucket/x?secret_key=secret", "must not contain options"),
        ("s3://bucket/x?a&secret=secret", "must not contain options"),
        ("s3://bucket/../secret", "empty segments, . or .."),
        ("s3://bucket//secret", "empty segments, . or .."),
        ("s3://bucket/a\nsecret", "control characters"),
        ("file://secret/x", "three slashes"),
    ],
)
def test_a_broken_uri_is_refused_without_its_text(uri: str, rule: str) -> None:
    with pytest.raises(ObjectStoreError, match=rule.replace(".", r"\.")) as caught:
        check_uri(uri)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=40))
@example("s3://a@b@c/")
@example("abfs://a@b@account.dfs.core.windows.net/")
def test_any_text_is_a_uri_or_refused(text: str) -> None:
    for uri in (text, f"s3://{text}", f"abfs://{text}", f"file:///{text}"):
        try:
            check_uri(uri)
        except ObjectStoreError:
            continue
        assert is_uri(uri)
        assert "\n" not in uri


@pytest.mark.parametrize("folder", ["s3://bucket/folder", "s3://bucket/folder/"])
def test_a_child_of_a_folder(folder: str) -> None:
    assert child_of(folder, "current") == "s3://bucket/folder/current"


def test_a_missing_pyarrow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.fs", None)
    with pytest.raises(ObjectStoreError, match=r"s3:// needs pyarrow: pip install .*\[batch\]"):
        open_filesystem("s3://bucket/folder")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace pyarrow's file systems; return the arguments that they are created with."""
    arguments: dict[str, Any] = {}

    def recorder(*given: object, **named: object) -> str:
        arguments.update(named, given=given)
        return "a file system"

    def resolve(bucket: str) -> str:
        if bucket == "unknown":
            raise OSError("secret")
        return f"region-of-{bucket}"

    names = ("S3FileSystem", "GcsFileSystem", "AzureFileSystem", "LocalFileSystem")
    fake = SimpleNamespace(
        **dict.fromkeys(names, recorder),
        AwsStandardS3RetryStrategy=lambda max_attempts: max_attempts,
        resolve_s3_region=resolve,
    )
    monkeypatch.setitem(sys.modules, "pyarrow", SimpleNamespace(fs=fake))
    monkeypatch.setitem(sys.modules, "pyarrow.fs", fake)
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_"))]:
        monkeypatch.delenv(name)
    return arguments


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("s3://bucket/a/b/", "bucket/a/b"),
        ("s3://bucket", "bucket"),
        ("gs://bucket/a", "bucket/a"),
        ("abfs://container@account.dfs.core.windows.net/a", "container/a"),
        ("file:///a/b", "/a/b"),
    ],
)
def test_a_uri_has_a_path_in_its_file_system(opened: dict[str, Any], uri: str, path: str) -> None:
    assert open_filesystem(uri) == ("a file system", path)
    assert opened


def test_the_region_of_a_bucket(opened: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    open_filesystem("s3://bucket/a")
    assert opened["region"] == "region-of-bucket"
    assert "endpoint_override" not in opened
    open_filesystem("s3://unknown/a")
    assert opened["region"] is None
    monkeypatch.setenv("AWS_REGION", "here")  # which pyarrow reads
    open_filesystem("s3://bucket/a")
    assert opened["region"] is None


@pytest.mark.parametrize(
    ("endpoint", "scheme", "host"),
    [
        ("http://127.0.0.1:9000", "http", "127.0.0.1:9000"),
        ("https://store.example/", "https", "store.example"),
        ("store.example:9000", "https", "store.example:9000"),
    ],
)
def test_the_endpoint_is_read_from_the_environment(
    opened: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    scheme: str,
    host: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://other")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    open_filesystem("s3://bucket/a")
    assert (opened["scheme"], opened["endpoint_override"]) == (scheme, host)


@pytest.mark.parametrize("endpoint", ["http://name:secret@host", "ftp://secret", "https://"])
def test_an_invalid_endpoint_is_refused_without_its_text(
    opened: dict[str, Any], monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ObjectStoreError, match="AWS_ENDPOINT_URL must be http") as caught:
        open_filesystem("s3://bucket/a")
    assert "secret" not in str(caught.value)
    assert opened == {}


def test_the_account_of_azure(opened: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ObjectStoreError, match="AZURE_STORAGE_ACCOUNT must be set"):
        open_filesystem("abfs://container/a")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "one")
    monkeypatch.setenv("AZURE_STORAGE_KEY", "secret")
    open_filesystem("abfs://container/a")
    assert opened == {"given": ("one",), "account_key": "secret"}
    open_filesystem("abfs://container@another.dfs.core.windows.net/a")
    assert opened["given"] == ("another",)


def test_a_build_without_a_file_system_is_named(
    opened: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys.modules["pyarrow.fs"], "GcsFileSystem")
    with pytest.raises(ObjectStoreError, match="gs:// is not supported by the installed build"):
        open_filesystem("gs://bucket/a")
    assert opened == {}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError("secret"), "it does not exist"),
        (FileNotFoundError("Bucket 'secret' not found: bucket does not exist"), "the bucket does"),
        (OSError("secret: AWS Error NO_SUCH_BUCKET during x: secret"), "the bucket does not exist"),
        (OSError("AWS Error ACCESS_DENIED during HeadObject: secret"), "access denied"),
        (OSError("AWS Error UNKNOWN (HTTP status 403) secret"), "access denied"),
        (OSError("AWS Error SIGNATURE_DOES_NOT_MATCH secret"), "access denied"),
        (PermissionError("secret"), "access denied"),
        (OSError("AWS Error NETWORK_CONNECTION during x: curlCode: 7, secret"), "does not answer"),
        (OSError("Couldn't resolve host name secret"), "does not answer"),
        (OSError("AWS Error UNKNOWN (HTTP status 301) secret"), "another region"),
        (OSError("AWS Error VALIDATION during x: secret"), r"failed \(VALIDATION\)"),
        (ValueError("secret"), r"failed \(ValueError\)"),
    ],
)
def test_errors_have_one_of_a_few_reasons(error: Exception, reason: str) -> None:
    uri = "s3://bucket/x"
    expected = pytest.raises(ObjectStoreError, match=rf"^{uri}: .*{reason}")
    with expected as caught, store_errors(uri):
        raise error
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_other_errors_pass() -> None:
    with pytest.raises(MemoryError), store_errors("s3://bucket/x"):
        raise MemoryError
    with pytest.raises(ObjectStoreError, match=r"^first$"), store_errors("s3://bucket/x"):
        raise ObjectStoreError("first")

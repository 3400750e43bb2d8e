"""Object stores: the URIs that name a file or a folder in one, and their file systems.

Needs pyarrow (extra `batch`), which is imported on first use. Credentials, the region and the
endpoint come from the environment, as pyarrow and the cloud's own library read them; a URI has
none of them, and no error contains any.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from model.errors import ObjectStoreError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

SCHEMES: Final = ("s3", "gs", "abfs", "file")
# Fixed values. pyarrow has no timeout of an answer for S3 on Linux: callers must not wait for it.
CONNECT_SECONDS: Final = 5.0
MAX_ATTEMPTS: Final = 3
GS_RETRY_SECONDS: Final = 30.0

_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_AZURE_HOST: Final = re.compile(r"([a-z0-9]{3,24})\.(?:dfs|blob)\.core\.windows\.net")
_OPTIONS: Final = re.compile(r"[?&][A-Za-z0-9_.-]+=")
_S3_REGION: Final = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_CONFIG_FILE")
_S3_ENDPOINT: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")

# Parts of the libraries' texts, which may quote keys and addresses, and the reason that is shown.
_REASONS: Final = (
    (r"NO_SUCH_BUCKET|bucket does not exist|ContainerNotFound", "the bucket does not exist"),
    (
        r"ACCESS_DENIED|HTTP (status|code)?:? ?40[13]|Forbidden|PermissionDenied|Unauth"
        r"|INVALID_ACCESS_KEY|InvalidAccessKeyId|INVALID_CLIENT_TOKEN|SIGNATURE|UNRECOGNIZED_CLIENT"
        r"|EXPIRED_TOKEN|ExpiredToken|InvalidToken|INVALID_SIGNATURE|AuthorizationFailure|AuthenticationFailed|credential",
        "access denied, or no credentials in the environment",
    ),
    (
        r"NETWORK_CONNECTION|REQUEST_TIMEOUT|connect|resolve|timed? ?out|SLOW_DOWN|curlCode"
        r"|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|THROTTL|HTTP status 5\d\d",
        "the object store does not answer",
    ),
    (
        r"PERMANENT_REDIRECT|HTTP status 301|region",
        "the bucket is in another region: set AWS_REGION",
    ),
    (
        r"NO_SUCH_KEY|RESOURCE_NOT_FOUND|NotFound|does not exist|non-exist|no such file",
        "it does not exist",
    ),
)


def is_uri(text: str) -> bool:
    """Return True for a URI of an object store or a file: s3://, gs://, abfs:// or file://."""
    match = _URI.match(text)
    return match is not None and match[1].lower() in SCHEMES


def has_scheme(text: str) -> bool:
    """Return True for a text that begins as a URI, of any scheme."""
    return _URI.match(text) is not None


def check_uri(uri: str) -> None:
    """Check the form of a URI, without pyarrow and without a connection.

    Args:
        uri: s3://BUCKET/PATH, gs://BUCKET/PATH, abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH,
            abfs://CONTAINER/PATH or file:///PATH. The path is taken as it is: nothing is
            percent-encoded.

    Raises:
        ObjectStoreError: The rule that the URI breaks; the text does not contain the URI.
    """
    _split(uri)


def child_of(uri: str, name: str) -> str:
    """Return the URI of a file in a folder.

    Args:
        uri: The folder, with or without a slash at the end.
        name: Name of the file.
    """
    return f"{uri.rstrip('/')}/{name}"


def require_pyarrow(uri: str) -> None:
    """Check that pyarrow is installed, which every URI needs. Raises ObjectStoreError."""
    scheme, _, _ = _split(uri)
    try:
        import pyarrow.fs  # noqa: F401 - the error of a missing package
    except ImportError:
        text = f"{scheme}:// needs pyarrow: pip install 'malignancy[batch]'"
        raise ObjectStoreError(text) from None


def open_filesystem(uri: str) -> "tuple[FileSystem, str]":
    """Return the file system of a URI, and the path of the URI in it.

    No connection is made, except to find the region of a bucket of s3:// for which the environment
    names neither a region nor an endpoint.

    Args:
        uri: As `check_uri` describes.

    Raises:
        ObjectStoreError: The URI breaks a rule, pyarrow is missing or has no such file system.
    """
    scheme, bucket, path = _split(uri)
    require_pyarrow(uri)
    root = bucket.partition("@")[0]  # of abfs://, without the account
    location = f"{root}/{path}".rstrip("/") if root else path
    with store_errors(uri):
        try:
            return _open(scheme, bucket), location
        except (AttributeError, ImportError):
            text = f"{scheme}:// is not supported by the installed build of pyarrow"
            raise ObjectStoreError(text) from None


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Replace the errors of a file system within the context.

    Args:
        uri: The URI for the text of the error.

    Raises:
        ObjectStoreError: An operation failed. The text has the URI and one of a few reasons, and
            nothing of the text of the library, which may quote keys, hosts and headers.
    """
    try:
        yield
    except ObjectStoreError:
        raise
    except Exception as error:  # pyarrow raises OSError, ArrowException, ValueError and others
        if isinstance(error, MemoryError):
            raise
        raise ObjectStoreError(f"{uri}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    text = re.sub(r"'[^']*'", "", str(error))  # without quoted names
    for pattern, reason in _REASONS:
        if re.search(pattern, text, re.IGNORECASE):
            return reason
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    if isinstance(error, PermissionError):
        return "access denied"
    code = re.search(r"AWS Error ([A-Z_]{3,40})\b", text)
    name = code[1] if code else type(error).__name__
    return f"the object store failed ({name})"


def _split(uri: str) -> tuple[str, str, str]:
    """Return the scheme in lower case, the bucket and the path of a URI."""
    match = _URI.fullmatch(uri)
    scheme = match[1].lower() if match else ""
    if match is None or scheme not in SCHEMES:
        allowed = ", ".join(f"{each}://" for each in SCHEMES)
        raise ObjectStoreError(f"a URI must begin with one of {allowed}")
    rest = match[2]
    if any(ord(character) < 32 or ord(character) == 127 for character in rest):
        raise ObjectStoreError("a URI must not contain control characters")
    if _OPTIONS.search(rest):
        text = "credentials, regions and endpoints belong in the environment"
        raise ObjectStoreError(f"a URI must not contain options such as ?name=value: {text}")
    bucket, _, path = rest.partition("/")
    if scheme == "file":
        if bucket:
            raise ObjectStoreError("a URI of a file must have three slashes: file:///PATH")
        return scheme, "", f"/{path.lstrip('/')}"
    user, at, host = bucket.rpartition("@")
    if scheme == "abfs" and at and _AZURE_HOST.fullmatch(host):
        if ":" in user or "@" in user:
            raise ObjectStoreError("a URI must not contain credentials: set the environment")
        if not _BUCKET.fullmatch(user):
            raise ObjectStoreError("abfs:// must name a container")
        _check_segments(path)
        return scheme, bucket, path
    if at:
        raise ObjectStoreError("a URI must not contain credentials: set the environment")
    if not _BUCKET.fullmatch(bucket):
        raise ObjectStoreError(f"{scheme}:// must name a bucket: {scheme}://BUCKET/PATH")
    _check_segments(path)
    return scheme, bucket, path


def _check_segments(path: str) -> None:
    if any(each in ("", ".", "..") for each in path.removesuffix("/").split("/") if path):
        raise ObjectStoreError("a URI must not contain empty segments, . or ..")


def _open(scheme: str, bucket: str) -> "FileSystem":
    """Return a file system with short timeouts. The import of one that is missing fails."""
    if scheme == "s3":
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

        region = None
        if not any(os.environ.get(name) for name in (*_S3_REGION, *_S3_ENDPOINT)):
            try:
                region = resolve_s3_region(bucket)
            except (OSError, ValueError):
                region = None  # the first operation reports why
        return S3FileSystem(
            region=region,
            **_s3_endpoint(),
            connect_timeout=CONNECT_SECONDS,
            allow_delayed_open=True,  # a small object is written with one request, not three
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=MAX_ATTEMPTS),
        )
    if scheme == "gs":
        from datetime import timedelta

        from pyarrow.fs import GcsFileSystem

        return GcsFileSystem(retry_time_limit=timedelta(seconds=GS_RETRY_SECONDS))
    if scheme == "abfs":
        from pyarrow.fs import AzureFileSystem

        host = _AZURE_HOST.fullmatch(bucket.rpartition("@")[2])
        account = host[1] if host else os.environ.get("AZURE_STORAGE_ACCOUNT")
        if not account:
            text = "abfs:// must name an account, or AZURE_STORAGE_ACCOUNT must be set"
            raise ObjectStoreError(text)
        return AzureFileSystem(account, account_key=os.environ.get("AZURE_STORAGE_KEY") or None)
    from pyarrow.fs import LocalFileSystem

    return LocalFileSystem()


def _s3_endpoint() -> dict[str, str]:
    """Return the arguments for the endpoint in the environment, which pyarrow does not read."""
    text = next((os.environ[name] for name in _S3_ENDPOINT if os.environ.get(name)), None)
    if text is None:
        return {}
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        rule = "must be http://HOST:PORT or https://HOST:PORT, without credentials"
        raise ObjectStoreError(f"AWS_ENDPOINT_URL {rule}")
    return {"scheme": parts.scheme, "endpoint_override": parts.netloc}

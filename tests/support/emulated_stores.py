"""Emulators of Google Cloud Storage and Azure Blob Storage, each in a process: make stores."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from support.eventually import until
from support.paths import ROOT

GCS = ROOT / ".venv-gcs" / "bin" / "gcp-storage-emulator"
AZURITE = ROOT / ".venv-azurite" / "node_modules" / ".bin" / "azurite-blob"
AZURE_ACCOUNT = "devstoreaccount1"  # and its key, which Azurite's documentation states
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True)
class EmulatedStore:
    """A store with the bucket `models`.

    Attributes:
        uri: URI of the bucket.
        files: Its files, as pyarrow's FileSystem.
        kill: Ends the emulator at once.
    """

    uri: str
    files: Any
    kill: Callable[[], None]

    def put(self, name: str, content: bytes) -> None:
        """Create or replace an object of the bucket."""
        with self.files.open_output_stream(f"models/{name}") as stream:
            stream.write(content)

    def get(self, name: str) -> bytes:
        """Return the content of an object of the bucket."""
        with self.files.open_input_stream(f"models/{name}") as stream:
            return bytes(stream.read())


@contextmanager
def emulated_store(scheme: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedStore]:
    """Run an emulator to which pyarrow's file systems of this process connect.

    Args:
        scheme: "gs" or "abfs".
        monkeypatch: Replaces pyarrow's class by one that connects to the emulator.
    """
    fs: Any = pytest.importorskip("pyarrow.fs", reason="needs pyarrow: make stores")
    program = GCS if scheme == "gs" else AZURITE
    if not program.exists():
        pytest.skip("needs emulators of object stores: make stores")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    at = f"127.0.0.1:{port}"
    if scheme == "gs":
        arguments = ["start", "--host", "127.0.0.1", "--port", str(port), "--in-memory"]
        options: dict[str, Any] = {"anonymous": True, "scheme": "http", "endpoint_override": at}
        name, uri = "GcsFileSystem", "gs://models"
    else:
        arguments = ["--blobPort", str(port), "--inMemoryPersistence", "--skipApiVersionCheck"]
        arguments += ["--silent", "--disableTelemetry"]
        options = {"blob_storage_authority": at, "dfs_storage_authority": at}
        options |= {"blob_storage_scheme": "http", "dfs_storage_scheme": "http"}
        name, uri = "AzureFileSystem", "abfs://models"
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", AZURE_ACCOUNT)
        monkeypatch.setenv("AZURE_STORAGE_KEY", AZURE_KEY)
    files = partial(getattr(fs, name), **options)
    monkeypatch.setattr(fs, name, files)
    null = subprocess.DEVNULL
    process = subprocess.Popen(
        [str(program), *arguments], stdin=null, stdout=null, stderr=null, env={**os.environ}
    )

    def kill() -> None:
        process.kill()
        process.wait()

    try:
        until(lambda: _accepts(port))
        account = {"account_name": AZURE_ACCOUNT, "account_key": AZURE_KEY}
        opened = files(**({"project_id": "tests"} if scheme == "gs" else account))
        opened.create_dir("models")
        yield EmulatedStore(uri, opened, kill)
    finally:
        kill()


def _accepts(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0

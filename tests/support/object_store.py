"""An object store for tests: moto's S3 server in a process, which can be killed and restarted.

moto needs other versions than this project, so it has a virtual environment: make oracles.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import pytest
from support.eventually import until
from support.paths import ROOT

PROGRAM = ROOT / ".venv-moto" / "bin" / "moto_server"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "an-id-of-a-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-a-key",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


def missing_moto() -> str | None:
    """Return why there is no object store on this machine; None if there is one."""
    return None if PROGRAM.is_file() else "needs moto's server: make oracles"


class ObjectStore:
    """A server with buckets in its memory: they are lost when it is killed."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Variables for clients of the server."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def start(self, *buckets: str) -> Self:
        """Start the server, and create buckets."""
        command = [str(PROGRAM), "-H", "127.0.0.1", "-p", str(self.port)]
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdout=null, stderr=null, stdin=null)
        until(lambda: self._request("GET", "/moto-api/") == 200)
        for bucket in buckets:
            assert self._request("PUT", f"/{bucket}") == 200
        return self

    def kill(self) -> None:
        """End the server at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop the process: connections are accepted, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after `pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def put(self, path: str, content: bytes) -> None:
        """Create or replace an object; the path begins with the bucket."""
        with self._files().open_output_stream(path) as stream:
            stream.write(content)

    def delete(self, path: str) -> None:
        """Remove an object."""
        self._files().delete_file(path)

    def get(self, path: str) -> bytes:
        """Return the content of an object."""
        with self._files().open_input_stream(path) as stream:
            return bytes(stream.read())

    def _files(self) -> Any:
        return import_module("pyarrow.fs").S3FileSystem(
            access_key=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            secret_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            scheme="http",
            endpoint_override=f"127.0.0.1:{self.port}",
        )

    def upload(self, folder: Path, path: str) -> None:
        """Upload the files of a folder."""
        for file in sorted(folder.iterdir()):
            if not file.name.startswith("."):
                self.put(f"{path}/{file.name}", file.read_bytes())

    def _request(self, method: str, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            return response.status
        except OSError:
            return 0
        finally:
            connection.close()


@contextmanager
def object_store(
    monkeypatch: pytest.MonkeyPatch, cache: Path, *buckets: str
) -> Iterator[ObjectStore]:
    """Run an object store that the environment names, with copies of artifacts in a folder."""
    pytest.importorskip("pyarrow", reason="needs pyarrow: make oracles")
    if reason := missing_moto():
        pytest.skip(reason)
    store = ObjectStore()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MALIGNANCY_ARTIFACT_CACHE", str(cache))
    try:
        yield store.start(*buckets)
    finally:
        store.kill()

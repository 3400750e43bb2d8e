"""The page /docs of a service with keys, for a client that answers challenges as browsers do."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest


@pytest.fixture(scope="module")
def url(serve_with: Callable[..., AbstractContextManager[int]]) -> Iterator[str]:
    digest = hashlib.sha256(b"secret").hexdigest()
    with serve_with(api_keys=f"key:predict:{digest}") as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(("password", "statuses"), [("secret", "401 200"), ("wrong", "401 401")])
def test_curl_answers_the_challenge(url: str, password: str, statuses: str) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    command = [curl, "--silent", "--anyauth", "--user", f"key:{password}", "--header"]
    command += ["Accept: text/html", "--dump-header", "-", "--output", "/dev/null", f"{url}/docs"]
    head = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode()
    found = [line.split()[1] for line in head.splitlines() if line.startswith("HTTP/1.1")]
    assert " ".join(found) == statuses

"""Requests that are answered before their body is read: every client can read the answer.

Programs such as Java's HttpClient and node's fetch read while they send, most others afterwards. A
connection that is closed while they send is reset, and the answer is lost.
"""

import hashlib
import http.client
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest
from support.paths import ROOT

COUNT = 5
KEY = {"X-API-Key": "key.secret"}
JSON = {**KEY, "Content-Type": "application/json"}
# The path, the headers, and the size of the body, by the kind of answer.
EARLY: dict[str, tuple[int, str, dict[str, str], int]] = {
    "too large": (413, "/predict", JSON, 20 * 2**20),
    "without a key": (401, "/predict", {}, 8 * 2**20),
    "no such path": (404, "/nothing", KEY, 8 * 2**20),
    "no such method": (405, "/health", KEY, 8 * 2**20),
    "no such media type": (415, "/predict", {**KEY, "Content-Type": "image/png"}, 8 * 2**20),
    "bad query": (422, "/predict?threshold=2", JSON, 8 * 2**20),
    "another host": (421, "/predict", {**JSON, "Host": "other"}, 8 * 2**20),
}
SUPPORT = ROOT / "tests" / "support"


@pytest.fixture(scope="module")
def url(serve_with: Callable[..., AbstractContextManager[int]]) -> Iterator[str]:
    digest = hashlib.sha256(b"secret").hexdigest()
    with serve_with(api_keys=f"key:predict:{digest}", allowed_hosts="127.0.0.1") as port:
        yield f"http://127.0.0.1:{port}"


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120).stdout.decode()


@pytest.mark.parametrize("kind", [kind for kind in EARLY if kind != "another host"])
def test_node(url: str, kind: str) -> None:
    status, path, headers, size = EARLY[kind]
    lines = [f"{name}:{value}" for name, value in headers.items()]
    script = str(SUPPORT / "uploads.mjs")
    found = json.loads(output(program("node"), script, url + path, str(size), str(COUNT), *lines))
    assert found == {way: [status] * COUNT for way in found}
    assert len(found) == 4


@pytest.mark.parametrize("kind", ["too large", "without a key"])
def test_java(url: str, kind: str) -> None:
    status, path, headers, size = EARLY[kind]
    source = str(SUPPORT / "Uploads.java")
    fields = [each for header in headers.items() for each in header]
    quick = "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"  # for a short program
    arguments = source, url + path, str(size), str(COUNT), *fields
    found = json.loads(output(program("java"), *quick, *arguments))
    assert found == {way: [status] * COUNT for way in found}
    assert len(found) == 4


@pytest.mark.parametrize("kind", EARLY)
@pytest.mark.parametrize(
    "option", ["Expect: 100-continue", "Expect:", "Transfer-Encoding: chunked"]
)
def test_curl(url: str, kind: str, option: str) -> None:
    status, path, headers, size = EARLY[kind]
    command = [program("curl"), "--silent", "--output", "-", "--write-out", "%{http_code}"]
    for header in (option, *(f"{name}: {value}" for name, value in headers.items())):
        command += ["--header", header]
    command += ["--data-binary", "@-", url + path]
    found = subprocess.run(
        command, input=b" " * size, check=True, stdout=subprocess.PIPE, timeout=120
    )
    assert found.stdout.endswith(b"}%d" % status)


@pytest.mark.parametrize("kind", EARLY)
def test_python_clients(url: str, kind: str) -> None:
    status, path, headers, size = EARLY[kind]
    assert httpx.post(url + path, content=b" " * size, headers=headers).status_code == status
    pieces = (b" " * 65_536 for _ in range(size // 65_536))
    assert httpx.post(url + path, content=pieces, headers=headers).status_code == status
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    for _ in range(COUNT):  # over one connection, which stays usable
        connection.request("POST", path, b" " * size, headers)
        answer = connection.getresponse()
        assert answer.status == status
        answer.read()
    connection.close()

"""Compressed requests and answers of curl, node's fetch, requests, httpx and aiohttp."""

import asyncio
import gzip
import json
import shutil
import subprocess
import zlib
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
from support.compressed import FORMATS

ROWS: Final = 2000
CSV: Final = (
    "clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    "single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses\n"
    + "5,1,1,1,2,1,3,1,1\n"
    * ROWS
).encode()


@pytest.fixture(scope="module")
def url(service_port: int) -> str:
    return f"http://127.0.0.1:{service_port}"


def run(*command: str, body: bytes = b"") -> bytes:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, input=body, capture_output=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("form", FORMATS)
def test_curl(url: str, form: str) -> None:
    coding, compress = FORMATS[form]
    headers = "-H", "Content-Type: text/csv", "-H", f"Content-Encoding: {coding}"
    command = "curl", "-sf", f"{url}/predict", *headers, "--data-binary", "@-"
    body = compress(CSV)
    plain = run(*command, body=body)
    assert plain.count(b"\n") == ROWS + 1
    assert run(*command, "--compressed", body=body) == plain
    head = run(*command, "--compressed", "-D", "-", "-o", "/dev/null", body=body).lower()
    assert b"\r\ncontent-encoding: " in head
    assert b"\r\nvary: accept-encoding" in head


NODE: Final = """
const csv = require("fs").readFileSync(0);
(async () => {
  const found = [];
  for (const coding of ["gzip", "deflate"]) {
    const body = new Blob([csv]).stream().pipeThrough(new CompressionStream(coding));
    const answer = await fetch("URL/predict", {
      method: "POST", body, duplex: "half",
      headers: {"Content-Type": "text/csv", "Content-Encoding": coding},
    });
    const text = await answer.text();
    found.push([answer.status, answer.headers.get("content-encoding"), text.split("\\n").length]);
  }
  console.log(JSON.stringify(found));
})();
"""


def test_node(url: str) -> None:
    found = json.loads(run("node", "-e", NODE.replace("URL", url), body=CSV))
    assert found == [[200, "gzip", ROWS + 2]] * 2


def test_requests(url: str) -> None:
    requests: Any = pytest.importorskip("requests")

    def check(post: Callable[..., Any]) -> None:
        for coding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
            headers = {"Content-Type": "text/csv", "Content-Encoding": coding}
            answer = post(f"{url}/predict", data=compress(CSV), headers=headers)
            assert (answer.status_code, answer.text.count("\n")) == (200, ROWS + 1)
            assert answer.headers["content-encoding"]

    check(requests.post)
    with requests.Session() as session:
        check(session.post)


def test_httpx(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
        answer = client.post("/predict", content=gzip.compress(CSV), headers=headers)
        assert (answer.status_code, answer.text.count("\n")) == (200, ROWS + 1)
        assert answer.headers["content-encoding"] == "gzip"
        assert client.get("/openapi.json").json()["openapi"]


def test_aiohttp(url: str) -> None:
    aiohttp: Any = pytest.importorskip("aiohttp")

    async def check() -> None:
        async with aiohttp.ClientSession() as session:
            for coding in ("gzip", "deflate"):
                headers = {"Content-Type": "text/csv"}
                post = session.post(f"{url}/predict", data=CSV, headers=headers, compress=coding)
                async with post as answer:
                    assert answer.status == 200
                    assert (await answer.text()).count("\n") == ROWS + 1
                    assert answer.headers["content-encoding"]

    asyncio.run(check())

"""Large tables: through a real service in flat memory, and answers that find no room."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.types import Message

from service.inference.response_spool import MEMORY_BYTES

HEADER = (
    b"clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    b"single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses\n"
)
CSV = {"Content-Type": "text/csv"}
ROWS = 50_000  # of about 1 MB
PIECES = 60


@dataclass
class Service:
    """A running service, and the most memory it ever had."""

    process: subprocess.Popen[str]
    url: str

    @property
    def peak_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


@pytest.fixture(scope="module")
def service(artifact_path: Path) -> Iterator[Service]:
    command = [sys.executable, "-m", "service", "--port", "0", "--artifact", str(artifact_path)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            found = (re.search(r"http://127\.0\.0\.1:[1-9]\d*", line) for line in process.stderr)
            yield Service(process, next(match for match in found if match)[0])
        finally:
            process.terminate()
            process.stderr.read()
            assert process.wait(timeout=20) == 0


@pytest.fixture(scope="module")
def piece() -> bytes:
    rows = np.random.default_rng(0).integers(1, 11, (ROWS, 9)).tolist()
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def large(piece: bytes, last: bytes = b"") -> Iterator[bytes]:
    yield HEADER
    for _ in range(PIECES):
        yield piece
    yield last


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_large_table_in_flat_memory(service: Service, piece: bytes) -> None:
    with httpx.Client(base_url=service.url, timeout=120) as client:
        few = client.post("/predict", content=HEADER + piece, headers=CSV)
        assert few.text.count("\n") == ROWS + 1
        before = service.peak_bytes
        lines = 0
        with client.stream("POST", "/predict", content=large(piece), headers=CSV) as answer:
            assert answer.status_code == 200
            for chunk in answer.iter_raw():
                lines += chunk.count(b"\n")
        assert lines == PIECES * ROWS + 1
        assert service.peak_bytes - before < 30_000_000


def test_a_bad_row_at_the_end_refuses_all(service: Service, piece: bytes) -> None:
    with httpx.Client(base_url=service.url, timeout=120) as client:
        answer = client.post("/predict", content=large(piece, b"0\n"), headers=CSV)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"field": f"rows.{PIECES * ROWS}", "rule": "must have 9 cells"}
        ]


def test_a_bad_row_at_the_start_too_though_the_client_goes_on(
    service: Service, piece: bytes
) -> None:
    with httpx.Client(base_url=service.url, timeout=120) as client:
        answer = client.post("/predict", content=large(b"0\n" + piece), headers=CSV)
        assert answer.status_code == 422
        assert client.get("/health").status_code == 200


@pytest.mark.anyio
async def test_an_answer_without_room(
    client: httpx.AsyncClient, piece: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    small = await client.post("/predict", content=HEADER + piece, headers=CSV)
    assert small.status_code == 200
    assert len(small.content) < MEMORY_BYTES < 8 * len(small.content)
    answer = await client.post("/predict", content=HEADER + 8 * piece, headers=CSV)
    assert answer.status_code == 507
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Send fewer rows at a time" in answer.json()["detail"]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = await client.post("/predict", content=HEADER + 8 * piece, headers=CSV)
    assert answer.status_code == 200
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_client_that_leaves_gets_no_answer(app: FastAPI, piece: bytes) -> None:
    coming: list[Message] = [
        {"type": "http.request", "body": HEADER + piece, "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"text/csv")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
    await app({**scope, "query_string": b""}, receive, send)
    assert (sent, coming) == ([], [])

"""Large tables: constant memory in a real service, and responses without temporary storage."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.types import Message
from support.service_process import Service, running_service

from service.inference.response_spool import MEMORY_BYTES

HEADER = (
    b"clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    b"single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses\n"
)
CSV = {"Content-Type": "text/csv"}
ROWS = 50_000  # about 1 MB
CHUNKS = 60


def peak_bytes(service: Service) -> int:
    status = Path(f"/proc/{service.pid}/status").read_text()
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


@pytest.fixture(scope="module")
def service(artifact_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with running_service(artifact_path, log) as service:
        yield service


@pytest.fixture(scope="module")
def chunk() -> bytes:
    rows = np.random.default_rng(0).integers(1, 11, (ROWS, 9)).tolist()
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def large(chunk: bytes, last: bytes = b"") -> Iterator[bytes]:
    yield HEADER
    for _ in range(CHUNKS):
        yield chunk
    yield last


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_large_table_needs_constant_memory(service: Service, chunk: bytes) -> None:
    with httpx.Client(base_url=service.url, timeout=120) as client:
        few = client.post("/predict", content=HEADER + chunk, headers=CSV)
        assert few.text.count("\n") == ROWS + 1
        before = peak_bytes(service)
        lines = 0
        with client.stream("POST", "/predict", content=large(chunk), headers=CSV) as answer:
            assert answer.status_code == 200
            for received in answer.iter_bytes():
                lines += received.count(b"\n")
        assert lines == CHUNKS * ROWS + 1
        assert peak_bytes(service) - before < 30_000_000


def test_an_invalid_row_at_the_end_rejects_the_table(service: Service, chunk: bytes) -> None:
    with httpx.Client(base_url=service.url, timeout=120) as client:
        answer = client.post("/predict", content=large(chunk, b"0\n"), headers=CSV)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"field": f"rows.{CHUNKS * ROWS}", "rule": "must have 9 cells"}
        ]


def test_an_invalid_row_at_the_start_rejects_the_table(service: Service, chunk: bytes) -> None:
    with httpx.Client(base_url=service.url, timeout=120) as client:
        answer = client.post("/predict", content=large(b"0\n" + chunk), headers=CSV)
        assert answer.status_code == 422
        assert client.get("/health").status_code == 200


@pytest.mark.anyio
async def test_a_response_without_space(
    client: httpx.AsyncClient, chunk: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    eighth = chunk[: chunk.index(b"\n", len(chunk) // 8) + 1]
    small = await client.post("/predict", content=HEADER + eighth, headers=CSV)
    assert small.status_code == 200
    assert len(small.content) < MEMORY_BYTES < 8 * len(small.content)
    answer = await client.post("/predict", content=HEADER + 8 * chunk, headers=CSV)
    assert answer.status_code == 507
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Send fewer rows at a time" in answer.json()["detail"]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = await client.post("/predict", content=HEADER + 8 * chunk, headers=CSV)
    assert answer.status_code == 200
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_disconnected_client_gets_no_response(app: FastAPI, chunk: bytes) -> None:
    incoming: list[Message] = [
        {"type": "http.request", "body": HEADER + chunk, "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"text/csv")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
    await app({**scope, "query_string": b""}, receive, send)
    assert (sent, incoming) == ([], [])

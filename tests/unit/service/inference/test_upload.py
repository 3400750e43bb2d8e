"""One file uploaded as multipart/form-data gets the answer of its content as a body."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

NAMES = (
    "clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    "single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses"
)
CSV = f"{NAMES}\n5,1,1,1,2,1,3,1,1\n8,10,10,8,7,10,9,7,1\n".encode()
LINES = b"[5,1,1,1,2,1,3,1,1]\n[8,10,10,8,7,10,9,7,1]\n"
INSTANCES = json.dumps({"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}).encode()
ROW = json.dumps(dict.fromkeys(NAMES.split(","), 1)).encode()
BOUNDARY = b"limit"
FORM = {"Content-Type": "multipart/form-data; boundary=limit"}


def part(content: bytes, head: str) -> bytes:
    return b"--limit\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content


def form(*parts: bytes) -> bytes:
    return b"\r\n".join([*parts, b"--limit--\r\n"])


A_FILE = form(part(CSV, 'name="file"; filename="table.csv"'))


@pytest.mark.parametrize(
    ("name", "content", "media_type", "plain"),
    [
        ("table.csv", CSV, None, "text/csv"),
        ("TABLE.CSV", CSV, "application/vnd.ms-excel", "text/csv"),
        ("C:\\files\\table.csv", CSV, "application/octet-stream", "text/csv"),
        ("blob", CSV, "text/csv", "text/csv"),
        ("table.txt", CSV, "text/csv; charset=utf-8", "text/csv"),
        ("rows.jsonl", LINES, None, "application/x-ndjson"),
        ("rows.ndjson", LINES, "application/octet-stream", "application/x-ndjson"),
        ("rows.json", INSTANCES, "application/json", "application/json"),
        ("row.json", ROW, None, "application/json"),
    ],
)
@pytest.mark.parametrize("path", ["/predict?threshold=0.7", "/invocations"])
async def test_a_file_is_answered_as_its_content_is(
    client: httpx.AsyncClient,
    name: str,
    content: bytes,
    media_type: str | None,
    plain: str,
    path: str,
) -> None:
    if path == "/invocations" and content == ROW:
        return
    expected = await client.post(path, content=content, headers={"Content-Type": plain})
    files = {"file": (name, content, media_type)}
    found = await client.post(path, files=files)
    assert (found.status_code, found.content) == (200, expected.content)
    assert found.headers["content-type"] == expected.headers["content-type"]


async def test_the_answer_has_the_type_that_the_client_accepts(client: httpx.AsyncClient) -> None:
    files = {"anything": ("table.csv", CSV)}
    answer = await client.post("/predict", files=files, headers={"Accept": "application/json"})
    assert len(answer.json()["predictions"]) == 2


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
async def test_chunks_of_any_size(client: httpx.AsyncClient, size: int) -> None:
    expected = await client.post("/predict", content=CSV, headers={"Content-Type": "text/csv"})

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(A_FILE), size):
            yield A_FILE[start : start + size]

    found = await client.post("/predict", content=chunks(), headers=FORM)
    assert (found.status_code, found.content) == (200, expected.content)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([part(b"0.7", 'name="threshold"')], "threshold"),
        (
            [part(CSV, 'name="file"; filename="a.csv"'), part(b"0.7", 'name="threshold"')],
            "threshold",
        ),
        ([part(CSV, f'name="{name}"; filename="{name}.csv"') for name in "ab"], "b"),
    ],
)
async def test_anything_beside_one_file_is_refused_by_its_name(
    client: httpx.AsyncClient, parts: list[bytes], field: str
) -> None:
    answer = await client.post("/predict", content=form(*parts), headers=FORM)
    assert answer.status_code == 422
    rule = "must be one file and nothing else; a threshold belongs into the query"
    assert answer.json()["errors"] == [{"field": field, "rule": rule}]


@pytest.mark.parametrize(
    "head",
    [
        'name="file"; filename="table.xlsx"',
        'name="file"; filename=""\r\nContent-Type: application/octet-stream',
        'name="file"; filename="table"\r\nContent-Type: multipart/form-data; boundary=limit',
        'name="file"; filename="table.csv"\r\nContent-Transfer-Encoding: base64',
    ],
)
async def test_a_file_of_another_kind_is_refused(client: httpx.AsyncClient, head: str) -> None:
    answer = await client.post("/predict", content=form(part(CSV, head)), headers=FORM)
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith("The file must ")


async def test_the_rules_of_the_content_hold(client: httpx.AsyncClient) -> None:
    files = {"file": ("table.csv", CSV.replace(b"8,10", b"8,11"))}
    answer = await client.post("/predict", files=files)
    assert answer.json()["errors"][0]["field"] == "rows.1.uniformity_of_cell_size"
    latin = {"file": ("table.csv", CSV, "text/csv; charset=latin-1")}
    assert (await client.post("/predict", files=latin)).status_code == 415


MANY = "".join(f"\r\nX-Header-{number}: 1" for number in range(20))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=limit"),
        (CSV, "multipart/form-data; boundary=limit"),
        (b"x" * 100_000, "multipart/form-data; boundary=limit"),
        (b"\r\n" * 50_000, "multipart/form-data; boundary=limit"),
        (A_FILE, "multipart/form-data"),
        (A_FILE, "multipart/form-data; boundary="),
        (A_FILE, "multipart/form-data; boundary=other"),
        (A_FILE[:-5], "multipart/form-data; boundary=limit"),
        (A_FILE.replace(b"form-data", b"attachment"), "multipart/form-data; boundary=limit"),
        (form(part(CSV, 'name="file"; filename="a.csv"' + MANY)), FORM["Content-Type"]),
        (form(part(CSV, f'name="file"; filename="{"a" * 5000}.csv"')), FORM["Content-Type"]),
        (form(part(CSV, "name=f").replace(b"\r\n", b"\n")), FORM["Content-Type"]),
    ],
)
async def test_a_malformed_form_is_refused(
    client: httpx.AsyncClient, body: bytes, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    answer = await client.post("/predict", content=body, headers=headers)
    assert answer.status_code == 400
    assert "multipart/form-data" in answer.json()["detail"]


async def test_a_form_without_a_file_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict", content=b"--limit--\r\n", headers=FORM)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "body", "rule": "must have a file"}]


@pytest.mark.parametrize(
    "body",
    [
        A_FILE + b"x" * 2000,
        b"\r\n" * 1000 + A_FILE,
        form(part(CSV + b"5,1,1,1,2,1,3,1,1\n" * 200, 'name="file"; filename="table.csv"')),
    ],
    ids=["epilogue", "preamble", "file"],
)
@pytest.mark.parametrize("size", [100, 1000, 10_000])
async def test_everything_that_is_sent_counts(predictor: Predictor, body: bytes, size: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    transport = httpx.ASGITransport(app=create_app(Settings(max_stream_bytes=1500), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/predict", content=chunks(), headers=FORM)
        assert answer.status_code in (400, 413)


@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    size=st.integers(1, 600),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
async def test_damaged_bytes_are_answered_or_refused(
    client: httpx.AsyncClient, changes: list[tuple[float, int]], size: int
) -> None:
    body = bytearray(A_FILE)
    for place, value in changes:
        body[int(place * len(body))] = value

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield bytes(body[start : start + size])

    answer = await client.post("/predict", content=chunks(), headers=FORM)
    assert answer.status_code in {200, 400, 415, 422}


async def test_a_client_that_leaves_gets_no_answer(predictor: Predictor) -> None:
    sent: list[Any] = []
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": A_FILE[:20], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "query_string": b"",
        "headers": [(b"content-type", FORM["Content-Type"].encode())],
    }
    await create_app(Settings(), predictor)(scope, receive, send)
    assert not any(message.get("status") == 200 for message in sent)

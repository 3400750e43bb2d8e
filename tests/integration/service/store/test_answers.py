"""Answers of every format have the id of the stored rows; rejected requests leave no rows."""

import importlib.util
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.store_client import ROW, store_client

from model.prediction.predictor import Predictor
from service.settings import Settings
from service.store.identifiers import answer_name
from service.store.store import Store

pytestmark = pytest.mark.anyio

INSTANCES = {"instances": [ROW, ROW]}
TENSOR = {"name": "input", "shape": [2, 9], "datatype": "INT64", "data": ROW * 2}
BINARY = {"inputs": [TENSOR], "parameters": {"binary_data_output": True}}
LINES = f"{json.dumps(ROW)}\n" * 2
NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv"}
NAMES = "clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape"


def of_json(answer: httpx.Response) -> str:
    return str(answer.json()["id"])


def of_lines(answer: httpx.Response) -> str:
    [name] = {json.loads(line)["id"] for line in answer.text.splitlines()}
    return str(name)


def of_header(answer: httpx.Response) -> str:
    return answer.headers["malignancy-id"]


def of_parameters(answer: httpx.Response) -> str:
    return str(answer.json()["parameters"]["id"])


def of_binary(answer: httpx.Response) -> str:
    length = int(answer.headers["inference-header-content-length"])
    return str(json.loads(answer.content[:length])["parameters"]["id"])


def of_arrow(answer: httpx.Response) -> str:
    import pyarrow as pa

    metadata = pa.ipc.open_stream(io.BytesIO(answer.content)).schema.metadata
    return str(metadata[b"id"].decode())


FORMATS: dict[str, tuple[str, dict[str, Any], Callable[[httpx.Response], str]]] = {
    "one": ("/predict", {"json": None}, of_json),
    "many": ("/predict", {"json": INSTANCES}, of_json),
    "model": ("/models/article/predict", {"json": INSTANCES}, of_json),
    "lines": ("/predict", {"content": LINES, "headers": NDJSON}, of_lines),
    "JSON as lines": (
        "/predict",
        {"json": INSTANCES, "headers": {"Accept": "application/x-ndjson"}},
        of_lines,
    ),
    "CSV": ("/predict", {"content": LINES, "headers": {**NDJSON, "Accept": "text/csv"}}, of_header),
    "file": ("/predict", {"files": {"file": ("rows.ndjson", LINES.encode())}}, of_lines),
    "Open Inference Protocol": (
        "/v2/models/article/infer",
        {"json": {"inputs": [TENSOR]}},
        of_parameters,
    ),
    "binary": ("/v2/models/article/infer", {"json": BINARY}, of_binary),
    "KServe": ("/v1/models/article:predict", {"json": INSTANCES}, of_json),
    "MLflow": ("/invocations", {"json": {"inputs": [ROW, ROW]}}, of_json),
    "Vertex AI": ("/vertex", {"json": INSTANCES}, of_json),
    "Arrow": (
        "/predict",
        {"json": INSTANCES, "headers": {"Accept": "application/vnd.apache.arrow.stream"}},
        of_arrow,
    ),
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
async def client(
    predictor: Predictor, url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/vertex")
    async with store_client(predictor, url) as client:
        yield client


def stored(url: str, table: str = "predictions") -> list[tuple[str, int]]:
    """Return id and number of all rows."""
    store = Store(Settings.model_validate({"store": url}))
    with closing(store.open(read_only=False)) as database:
        # The names are constants of this module.
        rows = database.execute(f"SELECT id, row FROM {table} ORDER BY id, row")
    return [(answer_name(id_), row) for id_, row in rows]


@pytest.mark.parametrize(
    "format_",
    [
        pytest.param(each, marks=pytest.mark.reference if each == "Arrow" else ())
        for each in FORMATS
    ],
)
async def test_every_format_has_the_id_of_its_rows(
    predictor: Predictor, url: str, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if format_ == "Arrow" and importlib.util.find_spec("pyarrow") is None:
        pytest.skip("needs pyarrow: make oracles")
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/vertex")
    path, request, id_of = FORMATS[format_]
    if format_ == "one":
        request = {"json": dict(zip(predictor.schema.names, ROW, strict=True))}
    async with store_client(predictor, url) as client:
        answer = await client.post(path, **request)
        assert answer.status_code == 200, answer.text
        name = id_of(answer)
        rows = [0] if format_ == "one" else [0, 1]
        truths = [{"id": f"{name}.{row}", "truth": True} for row in rows]
        recorded = (await client.post("/feedback", json=truths)).json()
        assert recorded["recorded"] == len(rows)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}", name)
    for table in ("predictions", "inputs"):
        assert stored(url, table) == [(name, row) for row in rows]


async def test_rejected_requests_leave_no_rows(client: httpx.AsyncClient, url: str) -> None:
    wrong = [*ROW[:-1], 99]
    many = f"{json.dumps(ROW)}\n" * 10_000
    answers = [
        await client.post("/predict", json={"instances": [ROW, wrong]}),
        await client.post("/predict", content=LINES + "[]\n", headers=NDJSON),
        await client.post("/predict", content=many + f"{json.dumps(wrong)}\n", headers=NDJSON),
        await client.post("/invocations", json={"inputs": [ROW, wrong]}),
        await client.post("/v1/models/article:predict", json={"instances": [wrong]}),
        await client.post("/predict?threshold=2", json=INSTANCES),
        await client.post("/explain", json=INSTANCES),
    ]
    assert [each.status_code for each in answers] == [*[422] * 4, 400, 422, 200]
    assert all("malignancy-id" not in each.headers for each in answers)
    marked = await client.post(
        "/predict?on_error=mark", content=f"[]\n{json.dumps(ROW)}\n", headers=NDJSON
    )
    lines = [json.loads(line) for line in marked.text.splitlines()]
    name = lines[1]["id"]
    recorded = await client.post("/feedback", json={"id": f"{name}.1", "truth": True})
    assert recorded.json()["outcome"] == "recorded"  # so the rows before it are written, too
    assert stored(url) == [(name, 1)]


async def test_scripts_of_other_origins_can_read_the_id(predictor: Predictor, url: str) -> None:
    async with store_client(predictor, url, cors_origins="https://page.example") as client:
        headers = {**NDJSON, "Accept": "text/csv", "Origin": "https://page.example"}
        answer = await client.post("/predict", content=LINES, headers=headers)
        preflight = await client.options(
            "/subjects/a",
            headers={"Origin": "https://page.example", "Access-Control-Request-Method": "DELETE"},
        )
    assert "Malignancy-Id" in answer.headers["access-control-expose-headers"]
    assert preflight.status_code == 200

"""A small body for a model of 3000 optional features takes little memory and no event loop time."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from model.network.layers import Dense
from model.network.network import Network
from model.network.tasks import TASKS
from model.prediction.encoder import Encoder
from model.prediction.predictor import PIECE_NUMBERS, PIECE_ROWS, Predictor, piece_rows
from model.prediction.schema import Feature, Schema
from service.app import create_app
from service.codecs.json.parser import TOO_SPARSE
from service.inference import open_inference
from service.routes import open_inference as inference_protocol
from service.settings import Settings

pytestmark = pytest.mark.anyio

FEATURES = 3000
MAX_BYTES = 256 * 2**20
NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv"}


@pytest.fixture(scope="module")
def predictor(predictor: Predictor) -> Predictor:
    task = TASKS["binary"]
    network = Network([Dense(2, "relu"), task.output_layer(1)], inputs=FEATURES, loss=task.loss)
    zeros = np.zeros(FEATURES)
    features = tuple(Feature(name=f"x{n}", may_be_missing=True) for n in range(FEATURES))
    return replace(
        predictor,
        schema=Schema(features=features, target=predictor.schema.target),
        encoder=Encoder((0,) * FEATURES, ("",) * FEATURES, zeros, zeros, np.ones(FEATURES)),
        network=network,
        theta=network.initial_parameters(np.random.default_rng(0)),
    )


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> FastAPI:
    return create_app(Settings(), predictor)


def memory(key: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{key}:")[2].split()[0]) * 1024


def instances(rows: int, row: str) -> bytes:
    return f'{{"instances":[{",".join([row] * rows)}]}}'.encode()


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/predict", {}, instances(1600, "{}"), 422),
        ("/invocations", {}, instances(1600, "{}"), 422),
        ("/predict", NDJSON, b"{}\n" * 40_000, 422),
        ("/predict", {}, instances(30, "{}"), 200),
        ("/predict", NDJSON, b"{}\n" * 30, 200),
        ("/predict", CSV, b"x0\n" + b"1\n" * 10_000, 200),
        ("/predict", CSV, b"x0\n" + b'"1"\n' * 3_000, 200),
    ],
)
async def test_sparse_rows_take_little_memory(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = memory("VmRSS")
    answer = await client.post(path, content=body, headers=headers)
    assert answer.status_code == status
    assert memory("VmHWM") - before < MAX_BYTES
    if status == 422:
        assert answer.json()["errors"][0]["rule"] == TOO_SPARSE


async def test_imputed_features_are_listed_per_row(client: httpx.AsyncClient) -> None:
    body = instances(2, '{"x1":5}')[:-2] + b',{"x0":1,"x2":null}]}'
    predictions = (await client.post("/predict", content=body)).json()["predictions"]
    names = [f"x{n}" for n in range(FEATURES)]
    assert [row["imputed"] for row in predictions] == [[names[0], *names[2:]]] * 2 + [names[1:]]
    lines = b'{"x1":5}\n[]\n{"x0":1,"x2":null}\n'
    answer = await client.post("/predict?on_error=mark", content=lines, headers=NDJSON)
    one, bad, other = map(json.loads, answer.text.splitlines())
    assert (one["imputed"], other["imputed"]) == (
        predictions[0]["imputed"],
        predictions[2]["imputed"],
    )
    assert list(bad) == ["errors", "threshold", "model"]


async def test_a_short_body_with_many_numbers_is_processed_in_a_thread(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, threads = asyncio.get_running_loop(), []

    def recording(*arguments: Any) -> Any:
        try:
            threads.append(asyncio.get_running_loop() is not loop)
        except RuntimeError:
            threads.append(True)
        return open_inference.infer(*arguments)

    monkeypatch.setattr(inference_protocol, "infer", recording)
    for rows in (2, 1000):
        tensor = {"name": "x0", "shape": [rows], "datatype": "FP64", "data": [1] * rows}
        response = await client.post("/v2/models/article/infer", json={"inputs": [tensor]})
        assert response.status_code == 200
    assert threads == [False, True]


@pytest.mark.parametrize("features", [1, 9, 256, 257, 1000, 10_000, 10**7])
def test_chunks_have_few_numbers(features: int) -> None:
    rows = piece_rows(features)
    assert PIECE_ROWS % rows == 0
    assert rows == 8 or rows * features <= PIECE_NUMBERS
    assert (rows == PIECE_ROWS) == (features <= 256)

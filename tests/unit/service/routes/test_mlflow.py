"""Tests of service.routes.mlflow: the bodies of MLflow's client."""

import json
from typing import Any

import httpx
import pytest

from model.prediction.predictor import Predictor

pytestmark = pytest.mark.anyio

NAMES = (
    "clump_thickness uniformity_of_cell_size uniformity_of_cell_shape marginal_adhesion "
    "single_epithelial_cell_size bare_nuclei bland_chromatin normal_nucleoli mitoses"
).split()
ROWS: list[list[int | None]] = [[5, 1, 1, 1, 2, 1, 3, 1, 1], [10, 10, 10, 10, 10, None, 10, 10, 10]]
OBJECTS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
SPLIT: dict[str, Any] = {"columns": NAMES, "data": ROWS}
COLUMNS = {name: [row[name] for row in OBJECTS] for name in NAMES}
PARAMETER_RULE = "is no parameter of predictions; the only one is threshold"
SIGNATURE_RULE = "must be serving_default, the only signature"
COLUMN_RULE = "must be an array of one value per row"
THRESHOLD_RULE = "must be a number from 0 to 1, or one of the operating points: default"
SPLIT_RULE = "must be an object of columns and data, with an optional index"
TWICE = "must not give a name twice"
RULE = "must be an integer from 1 to 10"


async def post(
    client: httpx.AsyncClient, body: Any, path: str = "/invocations", **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body)
    headers = {"Content-Type": "application/json", **headers}
    return await client.post(path, content=content, headers=headers)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": {"index": [0, 1], **SPLIT}},
        {"dataframe_split": {"index": None, **SPLIT}},
        {"dataframe_split": {"index": ["2026-11-21T10:00", {"a": "b:c"}], **SPLIT}},
        {"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in ROWS]}},
        {"dataframe_records": OBJECTS},
        {"instances": ROWS},
        {"instances": OBJECTS},
        {"inputs": ROWS},
        {"inputs": OBJECTS},
        {"inputs": COLUMNS},
        {"inputs": {name: [[value] for value in COLUMNS[name]] for name in NAMES[::-1]}},
        json.dumps({"inputs": COLUMNS}).replace("null", "NaN").encode(),
        json.dumps({"dataframe_split": SPLIT}).replace("null", "NaN").encode(),
        json.dumps({"dataframe_records": OBJECTS}).replace("null", "NaN").encode(),
        json.dumps({"instances": ROWS}).replace("null", "NaN").encode(),
    ],
)
async def test_every_form_gets_the_answer_of_predict(client: httpx.AsyncClient, body: Any) -> None:
    expected = await client.post("/predict", json={"instances": ROWS})
    answer = await post(client, body)
    assert (answer.status_code, answer.json()) == (200, expected.json())
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["predictions"][1]["imputed"] == ["bare_nuclei"]


@pytest.mark.parametrize("name", ["params", "parameters"])
@pytest.mark.parametrize(
    "rows",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_records": OBJECTS},
        {"instances": ROWS},
        {"instances": OBJECTS},
        {"inputs": ROWS},
        {"inputs": COLUMNS},
        {"instances": ROWS * 500},
    ],
    ids=lambda rows: next(iter(rows)),
)
async def test_parameters_beside_the_rows(
    client: httpx.AsyncClient, rows: dict[str, Any], name: str
) -> None:
    plain = (await post(client, rows)).json()
    for parameters in (None, {}, {"threshold": None}):
        answer = await post(client, {**rows, name: parameters})
        assert (answer.status_code, answer.json()) == (200, plain)
        answer = await post(client, {name: parameters, "signature_name": None, **rows})
        assert (answer.status_code, answer.json()) == (200, plain)
    signed = await post(client, {"signature_name": "serving_default", **rows})
    assert signed.json() == plain
    high = await post(
        client, {**rows, name: {"threshold": 0.999}}, path="/invocations?threshold=0.1"
    )
    expected = await post(client, rows, path="/invocations?threshold=0.999")
    assert high.json() == expected.json()
    assert high.json()["threshold"] == 0.999
    twice = json.dumps({**rows, name: {"threshold": 0.5}}).replace('{"thr', '{"threshold": 1, "thr')
    answer = await post(client, twice.encode())
    error = {"field": f"{name}.threshold", "rule": "is given twice"}
    assert (answer.status_code, answer.json()["errors"]) == (422, [error])


async def test_csv_is_answered_in_json(client: httpx.AsyncClient) -> None:
    lines = [NAMES, *([("" if each is None else str(each)) for each in row] for row in ROWS)]
    body = "\n".join(",".join(cells) for cells in lines).encode()
    expected = await client.post("/predict", json={"instances": ROWS})
    for accept in ("*/*", "application/json"):
        answer = await post(client, body, **{"Content-Type": "text/csv", "Accept": accept})
        assert (answer.status_code, answer.json()) == (200, expected.json())


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ([], "body", "must be an object"),
        ({}, "body", "must have one of dataframe_split, dataframe_records, instances, inputs"),
        ({"inputs": ROWS, "index": []}, "index", "cannot stand beside inputs"),
        ({"inputs": ROWS, "params": []}, "params", "must be an object"),
        ({"inputs": ROWS, "params": {"top_k": 1}}, "params.top_k", PARAMETER_RULE),
        ({"instances": ROWS, "params": {"threshold": 2}}, "params.threshold", THRESHOLD_RULE),
        ({"inputs": ROWS, "params": {"threshold": True}}, "params.threshold", THRESHOLD_RULE),
        ({"inputs": ROWS, "signature_name": "other"}, "signature_name", SIGNATURE_RULE),
        ({"inputs": ROWS, "signature_name": ["x"]}, "signature_name", SIGNATURE_RULE),
        ({"dataframe_split": {"index": 1, **SPLIT}}, "dataframe_split.index", "must be an array"),
        (
            {"inputs": ROWS, "dataframe_records": []},
            "inputs",
            "cannot stand beside dataframe_records",
        ),
        ({"inputs": {}}, "inputs", "must be an array of rows, or an object of columns"),
        ({"inputs": 7}, "inputs", "must be an array of rows"),
        ({"inputs": COLUMNS | {"mitoses": 1}}, "inputs.mitoses", COLUMN_RULE),
        (
            {"inputs": COLUMNS | {"mitoses": [1]}},
            "inputs.mitoses",
            "must be as long as the first array",
        ),
        ({"inputs": COLUMNS | {"mitoses": [1, 11]}}, "inputs.mitoses.1", RULE),
        ({"inputs": COLUMNS | {"mitoses": [[1, 1], [1]]}}, "inputs.mitoses.0", RULE),
        ({"inputs": COLUMNS | {"x.y": [1, 1]}}, "inputs.x.y.0", "is not a feature of this model"),
        ({"inputs": [[0] * 8]}, "inputs.0", "must have 9 values"),
        ({"inputs": [[5] * 8 + [11]]}, "inputs.0.mitoses", RULE),
        (
            {"dataframe_records": [OBJECTS[0] | {"mitoses": "1"}]},
            "dataframe_records.0.mitoses",
            RULE,
        ),
        ({"dataframe_split": []}, "dataframe_split", SPLIT_RULE),
        (
            {"dataframe_split": {"columns": [], "data": ROWS}},
            "dataframe_split.data.0",
            "must be an array of 0 values",
        ),
        ({"dataframe_split": {"columns": NAMES}}, "dataframe_split", SPLIT_RULE),
        (
            {"dataframe_split": {"columns": 1, "data": []}},
            "dataframe_split.columns",
            "must be an array of names",
        ),
        (
            {"dataframe_split": {"columns": [[]], "data": []}},
            "dataframe_split.columns",
            "must be an array of names",
        ),
        (
            {"dataframe_split": {"columns": ["a", "a"], "data": []}},
            "dataframe_split.columns",
            TWICE,
        ),
        (
            {"dataframe_split": {"columns": NAMES, "data": {}}},
            "dataframe_split.data",
            "must be an array of rows",
        ),
        (
            {"dataframe_split": {"columns": NAMES, "data": [[1]]}},
            "dataframe_split.data.0",
            "must be an array of 9 values",
        ),
        (
            {"dataframe_split": {"columns": NAMES[:8], "data": [[1] * 8]}},
            "dataframe_split.data.0.mitoses",
            "is required",
        ),
        (
            {"dataframe_split": {"columns": [*NAMES, "x"], "data": [[1] * 10]}},
            "dataframe_split.data.0.x",
            "is not a feature of this model",
        ),
        (b'{"inputs": [[1,1,1,1,1,1,1,1,NaN]]}', "inputs.0.mitoses", RULE),
        (b'{"inputs": [[1,1,1,1,1,1,1,1,1e999]]}', "inputs.0.mitoses", RULE),
        (
            json.dumps({"dataframe_records": OBJECTS}).replace("[{", '[{"mitoses": 1,').encode(),
            "dataframe_records.0.mitoses",
            "is given twice",
        ),
        (
            json.dumps({"dataframe_split": SPLIT}).replace('"data"', '"data": [], "data"').encode(),
            "dataframe_split.data",
            "is given twice",
        ),
        (b'{"inputs": 1, ' + json.dumps({"inputs": ROWS}).encode()[1:], "inputs", "is given twice"),
    ],
)
async def test_invalid_bodies(client: httpx.AsyncClient, body: Any, field: str, rule: str) -> None:
    answer = await post(client, body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0] == {"field": field, "rule": rule}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"inputs": "\\ud800"}', b"[" * 10_000])
async def test_malformed_json(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await post(client, body)).status_code == 400


async def test_unsupported_media_types(client: httpx.AsyncClient) -> None:
    assert (await post(client, {"inputs": ROWS}, Accept="text/csv")).status_code == 406
    assert (
        await post(client, {"inputs": ROWS}, **{"Content-Type": "text/plain"})
    ).status_code == 415


async def test_the_checks_of_mlflow_clients(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    ping = await client.get("/ping")
    assert (ping.status_code, ping.text) == (200, f"{predictor.title}\n")
    version = await client.get("/version")
    document = (await client.get("/openapi.json")).json()
    assert (version.status_code, version.text) == (200, document["info"]["version"])
    assert (await client.get("/health")).status_code == 200
    assert {"/invocations", "/ping", "/version"} <= set(document["paths"])


@pytest.mark.parametrize(
    "body",
    [
        {"instances": []},
        {"inputs": []},
        {"dataframe_records": []},
        {"dataframe_split": {"columns": NAMES, "data": [], "index": None}},
        {"inputs": {name: [] for name in NAMES}},
        {"dataframe_split": None, "instances": []},
    ],
)
async def test_no_rows(client: httpx.AsyncClient, predictor: Predictor, body: Any) -> None:
    answer = await client.post("/invocations", json=body)
    assert answer.status_code == 200
    expected = {"predictions": [], "threshold": 0.5, "model": predictor.title}
    assert answer.json() == expected

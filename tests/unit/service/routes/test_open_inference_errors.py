"""Errors of service.routes.open_inference: status 4xx, the rule, and no value of the request."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from model.prediction.predictor import Predictor
from service.app import create_app
from service.routes.open_inference import MAX_INDEX_BYTES
from service.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kinds", ["binary"], indirect=True)]

Json = dict[str, Any]

ROWS = np.array([[2.5, 2, 1, 3], [0.1, np.nan, np.nan, 10], [7, 0, 0, 1]])
NAMED: list[Json] = [
    {"name": "size", "shape": [3], "datatype": "FP64", "data": [2.5, 0.1, 7]},
    {"name": "colour", "shape": [3, 1], "datatype": "BYTES", "data": ["grün", None, "red"]},
    {"name": "smokes", "shape": [3, 1], "datatype": "BOOL", "data": [True, None, False]},
    {"name": "score", "shape": [3], "datatype": "UINT8", "data": [3, 10, 1]},
]


@pytest.fixture
async def client(kinds: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    size, *others = kinds.schema.features
    features = (size.model_copy(update={"minimum": 0.1}), *others)
    schema = kinds.schema.model_copy(update={"features": features})
    app = create_app(Settings(max_rows=50), replace(kinds, name="binary", schema=schema))
    transport = httpx.ASGITransport(app=app)
    base_url = "http://test/v2/models/binary"
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
        yield client


def all_in_one(rows: Any, datatype: str = "FP64", **other: Any) -> Json:
    data = np.asarray(rows, dtype=object).ravel().tolist()
    return {"name": "input", "shape": np.shape(rows), "datatype": datatype, "data": data, **other}


def in_binary(request: Json, *data: bytes) -> tuple[bytes, dict[str, str]]:
    header = json.dumps(request).encode()
    return header + b"".join(data), {"Inference-Header-Content-Length": str(len(header))}


def changed(place: int, **change: Any) -> list[Json]:
    inputs = [dict(each) for each in NAMED]
    inputs[place] |= change
    return inputs


def classified(count: Any) -> Json:
    output = {"name": "probability", "parameters": {"classification": count}}
    return {"inputs": NAMED, "outputs": [output]}


CLASSES_RULE = "The parameter classification must be an integer, at least 0"
ONE = all_in_one(ROWS[[0, 2]])


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ([], "The body must be a JSON object"),
        ({}, "There must be at least one input"),
        ({"inputs": {}}, "inputs must be an array"),
        ({"inputs": [1]}, "Input 0 must be an object with a name"),
        ({"inputs": NAMED, "id": 7}, "id must be a string"),
        ({"inputs": [{**ONE, "shape": [{}] * 40_000}]}, "body must have at most 10000 objects"),
        ({"inputs": NAMED, "parameters": []}, "parameters must be an object"),
        ({"inputs": NAMED[:3]}, "Input score is required"),
        ({"inputs": [*NAMED, NAMED[0]]}, "Input size: must be given once"),
        ({"inputs": [*NAMED, {**NAMED[0], "name": "se\ncret"}]}, "Input se?cret: there must be"),
        ({"inputs": changed(0, data=[1, 2])}, "Input size: must hold as much data"),
        ({"inputs": changed(1, data=[["red"], "red", [""]])}, "Input colour: must hold as much"),
        ({"inputs": changed(1, shape=[2, 1])}, "Input colour: must have as many rows as the"),
        ({"inputs": changed(0, shape=[-3])}, "Input size: shape must not have a negative"),
        ({"inputs": changed(0, shape=[True])}, "Input size: shape must be an array of integers"),
        ({"inputs": changed(0, shape=[])}, "Input size: shape must be an array of integers"),
        ({"inputs": changed(0, shape=[1, 3])}, "Input size: must have the shape [rows, 1] or [ro"),
        ({"inputs": changed(0, datatype="FP8")}, "Input size: datatype must be one of"),
        ({"inputs": changed(0, datatype="BOOL")}, "Input size: must be of the datatype UINT8 or"),
        ({"inputs": changed(1, datatype="FP64")}, "Input colour: must be of the datatype BYTES"),
        ({"inputs": changed(0, data=[1, 2, "3"])}, "Input size, row 2: must hold numbers"),
        ({"inputs": changed(0, data=[1, True, 3])}, "Input size, row 1: must hold numbers"),
        (
            {"inputs": changed(0, data=[1, None, 3])},
            "Input size, row 1: must be a number, at least",
        ),
        ({"inputs": changed(0, data=[1, 10**400, 3])}, "Input size: must hold finite numbers"),
        ({"inputs": changed(0, data=[1, 0, 3])}, "Input size, row 1: must be a number, at least"),
        ({"inputs": changed(0, data=None)}, "Input size must have an array data, or"),
        ({"inputs": changed(1, data=["red", "x", ""])}, "Input colour, row 1: must be one of red"),
        ({"inputs": changed(1, data=["red", 1, ""])}, "Input colour, row 1: must hold texts"),
        ({"inputs": changed(2, data=[True, 1, None])}, "Input smokes, row 1: must hold true"),
        ({"inputs": changed(3, data=[1, 300, 3])}, "Input score, row 1: must hold UINT8 numbers"),
        ({"inputs": changed(3, data=[1, 1.5, 3])}, "Input score, row 1: must hold UINT8 numbers"),
        ({"inputs": changed(3, data=[1, 11, 3])}, "Input score, row 1: must be an integer from"),
        (
            {"inputs": changed(3, parameters={"binary_data_size": 3})},
            "Input score must not have both data and binary_data_size",
        ),
        (
            {"inputs": changed(3, data=None, parameters={"binary_data_size": 3})},
            "Input score: there is less binary data",
        ),
        (
            {"inputs": changed(3, data=None, parameters={"binary_data_size": -3})},
            "Input score: binary_data_size must be an integer",
        ),
        (
            {"inputs": changed(3, data=None, parameters={"shared_memory_region": "x"})},
            "Input score: the parameter shared_memory_region is not supported",
        ),
        ({"inputs": [{**ONE, "shape": [8]}]}, "Input input: must have the shape [rows, 4]"),
        ({"inputs": [{**ONE, "shape": [2, 2, 2]}]}, "Input input: must have the shape [rows, 4]"),
        ({"inputs": [{**ONE, "shape": [0, 4]}]}, "Input input: must hold as much data"),
        ({"inputs": [{**ONE, "shape": [10**30, 4]}]}, "must have at most 50 rows"),
        ({"inputs": [{**ONE, "datatype": "BYTES"}]}, "Input input: must be of the datatype UINT8"),
        ({"inputs": [ONE, ONE]}, "Input input: there must be one named input"),
        (
            {"inputs": [all_in_one([[1, 0, 2, 1]])]},
            "Input input, row 0: smokes must be 0 or 1 or null",
        ),
        (
            {"inputs": [all_in_one([[1, 0, 0, 1], [1, 3, 0, 1]])]},
            "Input input, row 1: colour must be the index of a category, from 0 to 2 or null",
        ),
        ({"inputs": NAMED, "outputs": [{"name": "x"}]}, "Output x must be one of probability"),
        (
            {"inputs": NAMED, "outputs": [{"name": "label"}, {"name": "label"}]},
            "Output label must be given once",
        ),
        (
            {
                "inputs": NAMED,
                "outputs": [{"name": "label", "parameters": {"classification": 1}}],
            },
            "Output label has no values to classify",
        ),
        (classified(-1), CLASSES_RULE),
        (classified(True), CLASSES_RULE),
        (classified(1.0), CLASSES_RULE),
        (classified([]), CLASSES_RULE),
        (
            {"inputs": NAMED, "parameters": {"binary_data_output": 1}},
            "The parameter binary_data_output must be true or false",
        ),
    ],
)
async def test_invalid_requests(client: httpx.AsyncClient, request_: Any, error: str) -> None:
    answer = await client.post("/infer", json=request_)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert error in answer.json()["error"]


@pytest.mark.parametrize(
    ("datatype", "data", "error"),
    [
        ("FP64", ROWS.tobytes()[:-1], "Input input: must hold as much data as"),
        ("FP32", ROWS.tobytes(), "Input input: must hold as much data as"),
        (
            "FP64",
            (ROWS + np.array([np.inf, 0, 0, 0])).tobytes(),
            "row 0: size must be a number, at least 0",
        ),
        ("FP32", (ROWS - [np.inf, 0, 0, 0]).astype("<f4").tobytes(), "row 0: size must be a num"),
        ("FP64", (ROWS * [np.nan, 1, 1, 1]).tobytes(), "row 0: size must be a number, at least"),
        (
            "FP64",
            (ROWS + np.array([0, 0, 0, 0.5])).tobytes(),
            "row 0: score must be an integer from 1 to",
        ),
        ("INT8", bytes([1, 1, 1, 3] * 2 + [1, 1, 1, 255]), "row 2: score must be an integer"),
        (
            "FP64",
            (ROWS + np.array([0, 9, 0, 0])).tobytes(),
            "the index of a category, from 0 to 2 or NaN.",
        ),
        ("INT8", bytes([1, 9, 1, 3] * 3), "the index of a category, from 0 to 2."),
    ],
)
async def test_invalid_binary_data(
    client: httpx.AsyncClient, datatype: str, data: bytes, error: str
) -> None:
    tensor = {"name": "input", "shape": [3, 4], "datatype": datatype}
    request = {"inputs": [{**tensor, "parameters": {"binary_data_size": len(data)}}]}
    body, headers = in_binary(request, data)
    answer = await client.post("/infer", content=body, headers=headers)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


async def test_single_precision_at_the_minimum(client: httpx.AsyncClient) -> None:
    assert float(np.float32(0.1)) > 0.1
    low = np.nextafter(np.float32(0.1), np.float32(0))
    for value, status in ((np.float32(0.1), 200), (low, 400)):
        rows = np.array([[value, 0, 0, 1]], dtype="<f4")
        tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32"}
        request = {"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}]}
        body, headers = in_binary(request, rows.tobytes())
        assert (await client.post("/infer", content=body, headers=headers)).status_code == status


@pytest.mark.parametrize("length", ["-1", "x", "1 1", "99999999999999999999", "1000000"])
async def test_an_invalid_header_length(client: httpx.AsyncClient, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    answer = await client.post("/infer", json={"inputs": NAMED}, headers=headers)
    assert answer.status_code == 400
    assert "Inference-Header-Content-Length must" in answer.json()["error"]
    body, headers = in_binary({"inputs": NAMED}, b"left over")
    answer = await client.post("/infer", content=body, headers=headers)
    assert "There is more binary data" in answer.json()["error"]


async def test_compressed_bodies(client: httpx.AsyncClient) -> None:
    body = json.dumps({"inputs": NAMED}).encode()
    plain = (await client.post("/infer", content=body)).json()
    for encoding, compressed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        headers = {"Content-Encoding": encoding}
        answer = await client.post("/infer", content=compressed, headers=headers)
        assert answer.json() == plain
        for wrong in (compressed[:-1], compressed + b"x", b"", body):
            answer = await client.post("/infer", content=wrong, headers=headers)
            assert answer.status_code == 400
    answer = await client.post("/infer", content=body, headers={"Content-Encoding": "br"})
    assert (answer.status_code, answer.headers["accept-encoding"][:13]) == (415, "gzip, deflate")


GOOD_TEXT = json.dumps(
    {
        "id": "x",
        "parameters": {"threshold": 0.5},
        "inputs": [{**each, "parameters": {}} for each in NAMED],
        "outputs": [{"name": "label", "parameters": {"binary_data": False}}],
    }
)


async def test_a_duplicate_name_is_rejected_at_every_level(client: httpx.AsyncClient) -> None:
    for name in ("id", "parameters", "threshold", "inputs", "name", "shape", "datatype", "data"):
        for spelled in (name, "".join(f"\\u{ord(each):04x}" for each in name)):
            at = GOOD_TEXT.index(f'"{name}"')
            body = f'{GOOD_TEXT[:at]}"{spelled}": null, {GOOD_TEXT[at:]}'
            answer = await client.post("/infer", content=body)
            assert answer.status_code == 400
            assert answer.json() == {"error": f"The name {name} is given twice."}
    for more in ('"x": {"a": 1, "a": 2}', '"x": [{"a": [{"b": 1, "b": 1}]}]'):
        for at in (1, GOOD_TEXT.index('"threshold"')):
            body = f"{GOOD_TEXT[:at]}{more}, {GOOD_TEXT[at:]}"
            answer = await client.post("/infer", content=body)
            assert answer.json()["error"].endswith("is given twice.")
    index = await client.post("http://test/v2/repository/index", content='{"ready":1,"ready":true}')
    assert index.json() == {"error": "The name ready is given twice."}


@pytest.mark.parametrize("identity", ["a:b", r"\u003a", ":" * 50, r"a\u003A:"])
async def test_colons_in_texts_do_not_hide_a_duplicate_name(
    client: httpx.AsyncClient, identity: str
) -> None:
    body = GOOD_TEXT.replace('"x"', f'"{identity}"')
    answer = await client.post("/infer", content=body)
    assert answer.json()["id"] == json.loads(f'"{identity}"')
    twice = await client.post("/infer", content='{"id": "", ' + body[1:])
    assert twice.status_code == 400


async def test_a_compression_bomb_is_not_decompressed(kinds: Predictor) -> None:
    app = create_app(Settings(max_body_bytes=10_000), kinds)
    transport = httpx.ASGITransport(app=app)
    bomb = gzip.compress(bytes(9_000_000))
    assert len(bomb) < 10_000
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/v2/models/kinds/infer", "/v2/repository/index"):
            headers = {"Content-Encoding": "gzip"}
            answer = await client.post(path, content=bomb, headers=headers)
            assert answer.status_code == 413
            limit = MAX_INDEX_BYTES if "index" in path else "10000"
            assert f"must have at most {limit} bytes" in answer.json()["error"]
            assert (await client.post(path, content=bytes(10_001))).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models/none", 404),
        ("GET", "/v2/models/binary/versions/0123456789ab", 404),
        ("POST", "/v2/models/none/infer", 404),
        ("GET", "/v2/models/binary/infer", 405),
        ("GET", "/v2/repository/index", 405),
        ("POST", "/v2", 405),
        ("POST", "/v2/models/binary/infer?treshold=1", 400),
        ("POST", "/v2/models/binary/infer", 400),
    ],
)
async def test_errors_of_the_protocol(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, f"http://test{path}", headers={"X-Request-ID": "abc"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == "abc"
    assert list(answer.json()) == ["error"]
    assert ("allow" in answer.headers) == (status == 405)

"""/v2/…: the Open Inference Protocol, for every kind of target and feature."""

import gzip
import json
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from model import artifact
from model.encoding import Encoder
from model.network.layers import Dense
from model.network.network import Network
from model.predictor import Predictor, ScoredRows, SelfTest
from model.schema import Feature, Schema
from model.target import Binary, MultiClass, MultiLabel, Regression, Target
from service.app import create_app
from service.models import Models, ServedModel
from service.served import Served
from service.settings import Settings

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

FEATURES = (
    Feature(name="size", minimum=0.1, unit="mm"),
    Feature(name="colour", type="category", categories=("red", "grün"), may_be_missing=True),
    Feature(name="smokes", type="boolean", may_be_missing=True),
    Feature(name="score", type="integer", minimum=1, maximum=10),
)
TARGETS: dict[str, tuple[Target, str]] = {
    "binary": (Binary(negative="no", positive="jä", refer=(0.4, 0.6)), "binary_cross_entropy"),
    "classes": (MultiClass(classes=("a", "bé", "c")), "sparse_categorical_cross_entropy"),
    "labels": (MultiLabel(labels=("cat", "dog")), "binary_cross_entropy"),
    "numbers": (Regression(outputs=("width", "height")), "mean_squared_error"),
}
ROWS = np.array([[2.5, 1, 1, 3], [0.1, np.nan, np.nan, 10], [7, 0, 0, 1]])
NULLS = [[None if np.isnan(value) else value for value in row] for row in ROWS.tolist()]
NAMED = [
    {"name": "size", "shape": [3], "datatype": "FP64", "data": [2.5, 0.1, 7]},
    {"name": "colour", "shape": [3, 1], "datatype": "BYTES", "data": ["grün", None, "red"]},
    {"name": "smokes", "shape": [3, 1], "datatype": "BOOL", "data": [[True], [None], [False]]},
    {"name": "score", "shape": [3], "datatype": "UINT8", "data": [3, 10, 1.0]},
]


def made(name: str) -> Predictor:
    """A predictor with random weights, as an artifact would bring it."""
    target, loss = TARGETS[name]
    network = Network([Dense(3, "relu"), Dense(len(target.names))], inputs=5, loss=loss)
    generator = np.random.default_rng(1)
    theta = network.initial_parameters(generator) + generator.normal(0, 0.5, network.layout.size)
    encoder = Encoder((0, 2, 0, 0), ("",) * 4, np.array([4.0, 1, 0, 5]), np.zeros(5), np.ones(5))
    truth = np.zeros((2, target.columns_of_targets), dtype=target.dtype)
    truth[1] = 1
    scored = ScoredRows.ungrouped(truth, np.full((2, len(target.names)), 1 / len(target.names)))
    predictor = Predictor(
        name=name,
        schema=Schema(features=FEATURES, target=target),
        encoder=encoder,
        network=network,
        theta=theta,
        operating_points={"default": 0.5, "careful": 0.01} if target.has_threshold else {},
        train=scored,
        validation=scored,
        self_test=SelfTest(ROWS[:1], np.zeros((1, len(target.names)))),
    )
    tested = replace(predictor, self_test=SelfTest(ROWS[:1], predictor.predict(ROWS[:1])))
    return artifact.from_bytes(artifact.to_bytes(tested))


PREDICTORS = {name: made(name) for name in TARGETS}


@pytest.fixture(params=list(TARGETS))
def predictor(request: pytest.FixtureRequest) -> Predictor:
    return PREDICTORS[request.param]


@pytest.fixture
async def client(predictor: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(max_rows=50), predictor))
    base_url = f"http://test/v2/models/{predictor.name}"
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
        yield client


binary = pytest.mark.parametrize("predictor", ["binary"], indirect=True)


def all_in_one(rows: Any, datatype: str = "FP64", **other: Any) -> Json:
    data = np.asarray(rows, dtype=object).ravel().tolist()
    return {"name": "input", "shape": np.shape(rows), "datatype": datatype, "data": data, **other}


def in_binary(request: Json, *data: bytes) -> tuple[bytes, dict[str, str]]:
    header = json.dumps(request).encode()
    return header + b"".join(data), {"Inference-Header-Content-Length": str(len(header))}


def spelled(texts: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)


def expected(predictor: Predictor, threshold: float = 0.5) -> dict[str, Any]:
    """What each output tells of ROWS, by the answers of the target."""
    predictions = predictor.predict(ROWS)
    answers = predictor.schema.target.answers(predictions, threshold)
    names = predictor.schema.target.names
    if predictor.name == "binary":
        keys = ("probability", "label", "decision")
        return {key: [each[key] for each in answers] for key in keys}
    if predictor.name == "classes":
        label = [each["label"] for each in answers]
        return {"probabilities": predictions.ravel().tolist(), "label": label}
    if predictor.name == "labels":
        applies = [name in each["labels"] for each in answers for name in names]
        return {"probabilities": predictions.ravel().tolist(), "applies": applies}
    return {"value": [each["values"][name] for each in answers for name in names]}


async def test_every_form_of_the_same_rows(client: httpx.AsyncClient, predictor: Predictor) -> None:
    for inputs in (
        [all_in_one(NULLS)],
        [all_in_one(NULLS, "FP32")],
        [{**all_in_one(NULLS), "data": NULLS}],
        NAMED,
        NAMED[::-1],
    ):
        answer = await client.post("/infer", json={"id": "a b", "inputs": inputs})
        told = answer.json()
        assert answer.status_code == 200, told
        assert answer.headers["content-type"] == "application/json"
        assert told["model_name"] == predictor.name
        assert told["model_version"] == predictor.version
        assert told["id"] == "a b"
        assert told["parameters"] == ({"threshold": 0.5} if predictor.operating_points else {})
        outputs = {each["name"]: each["data"] for each in told["outputs"]}
        wanted = expected(predictor)
        assert list(outputs) == list(wanted)
        for name, values in wanted.items():
            assert outputs[name] == (pytest.approx(values) if name[0] in "pv" else values)


async def test_binary_tensors_there_and_back(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    one = {"name": "input", "shape": [3, 4], "datatype": "FP64"}
    asked = {
        "parameters": {"binary_data_output": True},
        "inputs": [{**one, "parameters": {"binary_data_size": ROWS.nbytes}}],
    }
    body, headers = in_binary(asked, ROWS.tobytes())
    answer = await client.post("/infer", content=body, headers=headers)
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    told, place = json.loads(answer.content[:length]), length
    for output, (name, values) in zip(told["outputs"], expected(predictor).items(), strict=True):
        size = output["parameters"]["binary_data_size"]
        data = answer.content[place : place + size]
        place += size
        assert "data" not in output
        assert (output["name"], output["shape"][0]) == (name, 3)
        if output["datatype"] == "BYTES":
            assert data == spelled(values)
        else:
            dtype = {"FP64": "<f8", "BOOL": "?"}[output["datatype"]]
            assert np.frombuffer(data, dtype).tolist() == values
    assert place == len(answer.content)


async def test_binary_and_json_mixed_each_feature(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    colours = spelled(["grün", "", "red"])
    inputs: list[Json] = [dict(each) for each in NAMED]
    for place, data in ((1, colours), (3, np.array([3, 10, 1], "<u1").tobytes())):
        del inputs[place]["data"]
        inputs[place]["parameters"] = {"binary_data_size": len(data)}
    body, headers = in_binary({"inputs": inputs}, colours, bytes([3, 10, 1]))
    told = (await client.post("/infer", content=body, headers=headers)).json()
    first = next(iter(expected(predictor).values()))
    assert told["outputs"][0]["data"] == pytest.approx(first)


async def test_metadata_names_every_tensor(client: httpx.AsyncClient, predictor: Predictor) -> None:
    told = (await client.get(f"http://test/v2/models/{predictor.name}")).json()
    assert told["versions"] == [predictor.version]
    (tensor,) = told["inputs"]
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("input", "FP64", [-1, 4])
    kinds = [(each["name"], each["datatype"]) for each in tensor["parameters"]["columns"]]
    assert kinds == [("size", "FP64"), ("colour", "BYTES"), ("smokes", "BOOL"), ("score", "FP64")]
    assert tensor["parameters"]["columns"][1]["parameters"]["categories"] == ["red", "grün"]
    outputs = {each["name"]: each for each in told["outputs"]}
    assert list(outputs) == list(expected(predictor))
    names = list(predictor.schema.target.names)
    first = told["outputs"][0]
    assert (first["parameters"]["columns"], first["shape"]) == (names, [-1, len(names)])
    for each in told["outputs"][1:]:
        if each["datatype"] == "BYTES":
            assert set(expected(predictor)[each["name"]]) <= set(each["parameters"]["texts"])
    version = (await client.get(f"/versions/{predictor.version[:12]}")).json()
    assert version == told
    for path in ("/ready", f"/versions/{predictor.version}/ready"):
        assert (await client.get(path)).json() == {"name": predictor.name, "ready": True}


@binary
async def test_outputs_are_chosen_and_ordered(client: httpx.AsyncClient) -> None:
    asked = {
        "inputs": NAMED,
        "outputs": [
            {"name": "label", "parameters": {"binary_data": True}},
            {"name": "probability"},
        ],
    }
    answer = await client.post("/infer", json=asked)
    length = int(answer.headers["inference-header-content-length"])
    label, probability = json.loads(answer.content[:length])["outputs"]
    assert (label["name"], probability["name"]) == ("label", "probability")
    assert len(probability["data"]) == 3
    assert len(answer.content) == length + label["parameters"]["binary_data_size"]


@binary
async def test_the_threshold(client: httpx.AsyncClient, predictor: Predictor) -> None:
    for given, threshold in ((0.9, 0.9), ("careful", 0.01), ("0.25", 0.25), (0, 0), (1, 1)):
        asked = {"inputs": NAMED, "parameters": {"threshold": given, "priority": 3}}
        told = (await client.post("/infer", json=asked)).json()
        assert told["parameters"] == {"threshold": threshold}
        assert told["outputs"][1]["data"] == expected(predictor, threshold)["label"]
    for wrong in (1.5, -0.1, True, None, "hasty", [0.5], 10**400):
        asked = {"inputs": NAMED, "parameters": {"threshold": wrong}}
        answer = await client.post("/infer", json=asked)
        assert answer.status_code == 400
        assert "operating points: default, careful" in answer.json()["error"]


@pytest.mark.parametrize("predictor", ["numbers"], indirect=True)
async def test_no_threshold_where_there_is_none(client: httpx.AsyncClient) -> None:
    asked = {"inputs": NAMED, "parameters": {"threshold": 0.5}}
    answer = await client.post("/infer", json=asked)
    assert answer.status_code == 400
    assert "must not be given" in answer.json()["error"]


def changed(place: int, **change: Any) -> list[Json]:
    inputs = [dict(each) for each in NAMED]
    inputs[place] |= change
    return inputs


ONE = all_in_one(ROWS[[0, 2]])


@binary
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ([], "The body must be a JSON object"),
        ({}, "There must be at least one input"),
        ({"inputs": {}}, "inputs must be an array"),
        ({"inputs": [1]}, "Input 0 must be an object with a name"),
        ({"inputs": NAMED, "id": 7}, "id must be a string"),
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
        ({"inputs": [{**ONE, "shape": [0, 4], "data": []}]}, "must have from 1 to 50 rows"),
        ({"inputs": [{**ONE, "shape": [10**30, 4]}]}, "must have from 1 to 50 rows"),
        ({"inputs": [{**ONE, "datatype": "BYTES"}]}, "Input input: must be of the datatype UINT8"),
        ({"inputs": [ONE, ONE]}, "Input input: there must be one named input"),
        (
            {"inputs": [all_in_one([[1, 0, 2, 1]])]},
            "Input input, row 0: smokes must be 0 or 1 or NaN",
        ),
        (
            {"inputs": [all_in_one([[1, 0, 0, 1], [1, 2, 0, 1]])]},
            "Input input, row 1: colour must be the place of a category, from 0 to 1 or NaN",
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
            "Output label: the parameter classification is not supported",
        ),
        (
            {"inputs": NAMED, "parameters": {"binary_data_output": 1}},
            "The parameter binary_data_output must be true or false",
        ),
    ],
)
async def test_what_is_wrong_is_named(client: httpx.AsyncClient, request_: Any, error: str) -> None:
    answer = await client.post("/infer", json=request_)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert error in answer.json()["error"]


@binary
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
    ],
)
async def test_wrong_binary_data(
    client: httpx.AsyncClient, datatype: str, data: bytes, error: str
) -> None:
    tensor = {"name": "input", "shape": [3, 4], "datatype": datatype}
    asked = {"inputs": [{**tensor, "parameters": {"binary_data_size": len(data)}}]}
    body, headers = in_binary(asked, data)
    answer = await client.post("/infer", content=body, headers=headers)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


@binary
async def test_single_precision_reaches_the_bounds(client: httpx.AsyncClient) -> None:
    assert float(np.float32(0.1)) > 0.1
    low = np.nextafter(np.float32(0.1), np.float32(0))
    for value, status in ((np.float32(0.1), 200), (low, 400)):
        rows = np.array([[value, 0, 0, 1]], dtype="<f4")
        tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32"}
        asked = {"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}]}
        body, headers = in_binary(asked, rows.tobytes())
        assert (await client.post("/infer", content=body, headers=headers)).status_code == status


@binary
@pytest.mark.parametrize("length", ["-1", "x", "", "99999999999999999999", "1000000"])
async def test_a_wrong_header_length(client: httpx.AsyncClient, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    answer = await client.post("/infer", json={"inputs": NAMED}, headers=headers)
    assert answer.status_code == 400
    assert "Inference-Header-Content-Length must" in answer.json()["error"]
    body, headers = in_binary({"inputs": NAMED}, b"left over")
    answer = await client.post("/infer", content=body, headers=headers)
    assert "There is more binary data" in answer.json()["error"]


@binary
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
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate")


async def test_a_bomb_is_not_inflated() -> None:
    app = create_app(Settings(max_body_bytes=10_000), PREDICTORS["binary"])
    transport = httpx.ASGITransport(app=app)
    bomb = gzip.compress(bytes(9_000_000))
    assert len(bomb) < 10_000
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/v2/models/binary/infer", "/v2/repository/index"):
            headers = {"Content-Encoding": "gzip"}
            answer = await client.post(path, content=bomb, headers=headers)
            assert answer.status_code == 413
            assert answer.json() == {
                "error": "The body must have at most 10000 bytes when inflated."
            }
            assert (await client.post(path, content=bytes(10_001))).status_code == 413


@binary
async def test_the_server(client: httpx.AsyncClient, predictor: Predictor) -> None:
    for path in ("/v2", "/v2/"):
        answer = await client.get(f"http://test{path}")
        assert (answer.status_code, answer.json()["name"]) == (200, "malignancy")
    assert (await client.get("http://test/v2/health/live")).json() == {"live": True}
    assert (await client.get("http://test/v2/health/ready")).json() == {"ready": True}
    index = [{"name": "binary", "version": predictor.version, "state": "READY", "reason": ""}]
    for body in (b"", b'{"ready": true}', b'{"ready": false}', b"{}"):
        answer = await client.post("http://test/v2/repository/index", content=body)
        assert answer.json() == index
    for body in (b"[]", b'{"ready": 1}', b"{"):
        answer = await client.post("http://test/v2/repository/index", content=body)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])


@binary
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
async def test_errors_have_the_protocols_form(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, f"http://test{path}", headers={"X-Request-ID": "abc"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == "abc"
    assert list(answer.json()) == ["error"]
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_model_that_is_not_ready_and_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt = SelfTest(ROWS[:1], np.ones((1, 1)))
    predictor = replace(PREDICTORS["binary"], self_test=spoilt)
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/v2") as client:
        for path in ("/health/ready", "/models/binary/ready"):
            answer = await client.get(path)
            assert (answer.status_code, list(answer.json())) == (503, ["error"])
        (told,) = (await client.post("/repository/index")).json()
        assert told["state"] == "UNAVAILABLE"
        assert "self-test" in told["reason"]
        assert (await client.post("/repository/index", json={"ready": True})).json() == []

        def bug(*_: object) -> None:
            raise RuntimeError("a secret")

        monkeypatch.setattr(Served, "predict", bug)
        answer = await client.post("/models/binary/infer", json={"inputs": NAMED})
        assert (answer.status_code, list(answer.json())) == (500, ["error"])
        assert answer.headers["content-type"] == "application/json"


async def test_a_name_that_another_tensor_has() -> None:
    """A feature may be named as the tensor of all features is."""
    predictor = PREDICTORS["numbers"]
    first = FEATURES[0].model_copy(update={"name": "input"})
    schema = predictor.schema.model_copy(update={"features": (first, *FEATURES[1:])})
    served = Served(replace(predictor, schema=schema), Settings())
    transport = httpx.ASGITransport(app=create_app(Settings(), served.predictor))
    assert Models([ServedModel(served)]).default is served
    async with httpx.AsyncClient(transport=transport, base_url="http://test/v2") as client:
        alone = changed(0, name="input")
        for inputs in ([all_in_one(NULLS)], alone):
            told = (await client.post("/models/numbers/infer", json={"inputs": inputs})).json()
            assert told["outputs"][0]["data"] == pytest.approx(expected(predictor)["value"])


async def test_an_answer_that_would_not_be_finite() -> None:
    features = (FEATURES[0].model_copy(update={"minimum": None}), *FEATURES[1:])
    predictor = PREDICTORS["numbers"]
    schema = predictor.schema.model_copy(update={"features": features})
    app = create_app(Settings(), replace(predictor, schema=schema, theta=predictor.theta * 1e9))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/v2") as client:
        asked = {"inputs": [all_in_one([[1.7e308, 0, 0, 1], [-1.7e308, 0, 0, 1]])]}
        answer = await client.post("/models/numbers/infer", json=asked)
        assert answer.status_code == 400
        assert "small enough for a finite answer" in answer.json()["error"]

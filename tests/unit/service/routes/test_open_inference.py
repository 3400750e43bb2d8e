"""Tests of service.routes.open_inference for every task and type of feature."""

import json
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from model.prediction.predictor import Predictor, SelfTest
from service.app import create_app
from service.registry.model_version import ModelVersion
from service.settings import Settings

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

ROWS = np.array([[2.5, 2, 1, 3], [0.1, np.nan, np.nan, 10], [7, 0, 0, 1]])
NULLS = [[None if np.isnan(value) else value for value in row] for row in ROWS.tolist()]
NAMED = [
    {"name": "size", "shape": [3], "datatype": "FP64", "data": [2.5, 0.1, 7]},
    {"name": "colour", "shape": [3, 1], "datatype": "BYTES", "data": ["grün", None, "red"]},
    {"name": "smokes", "shape": [3, 1], "datatype": "BOOL", "data": [[True], [None], [False]]},
    {"name": "score", "shape": [3], "datatype": "UINT8", "data": [3, 10, 1.0]},
]
OUTPUTS = ("probability", "label", "decision")  # of the binary model


@pytest.fixture
def predictor(kinds: Predictor) -> Predictor:
    task = kinds.schema.target.task
    points = {**kinds.operating_points, "careful": 0.01} if kinds.operating_points else {}
    return replace(kinds, name=task, version="0123456789abcdef" * 4, operating_points=points)


@pytest.fixture
async def client(predictor: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(max_rows=50), predictor))
    base_url = f"http://test/v2/models/{predictor.name}"
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
        yield client


binary = pytest.mark.parametrize("kinds", ["binary"], indirect=True)
regression = pytest.mark.parametrize("kinds", ["regression"], indirect=True)


def all_in_one(rows: Any, datatype: str = "FP64", **other: Any) -> Json:
    data = np.asarray(rows, dtype=object).ravel().tolist()
    return {"name": "input", "shape": np.shape(rows), "datatype": datatype, "data": data, **other}


def in_binary(request: Json, *data: bytes) -> tuple[bytes, dict[str, str]]:
    header = json.dumps(request).encode()
    return header + b"".join(data), {"Inference-Header-Content-Length": str(len(header))}


def encode_texts(texts: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)


def expected(predictor: Predictor, threshold: float = 0.5) -> dict[str, Any]:
    """Return the expected values of each output for ROWS, from the answers of the target."""
    predictions = predictor.predict(ROWS)
    target = predictor.schema.target
    answers = target.answers(predictions, threshold)
    if target.task == "binary":
        keys = ("probability", "label", "decision")
        return {key: [each[key] for each in answers] for key in keys}
    if target.task == "multi_class":
        label = [each["label"] for each in answers]
        return {"probabilities": predictions.ravel().tolist(), "label": label}
    if target.task == "multi_label":
        applies = [name in each["labels"] for each in answers for name in target.names]
        return {"probabilities": predictions.ravel().tolist(), "applies": applies}
    return {"value": predictions.ravel().tolist()}


async def test_every_form_of_a_request_gets_the_same_predictions(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    for inputs in (
        [all_in_one(NULLS)],
        [all_in_one(NULLS, "FP32")],
        [{**all_in_one(NULLS), "data": NULLS}],
        NAMED,
        NAMED[::-1],
    ):
        answer = await client.post("/infer", json={"id": "a b", "inputs": inputs})
        response = answer.json()
        assert answer.status_code == 200, response
        assert answer.headers["content-type"] == "application/json"
        assert response["model_name"] == predictor.name
        assert response["model_version"] == predictor.version
        assert response["id"] == "a b"
        threshold = {"threshold": 0.5} if predictor.operating_points else {}
        facts = {"model": predictor.title, "imputed": "colour;smokes"}
        assert response["parameters"] == threshold | facts
        outputs = {each["name"]: each["data"] for each in response["outputs"]}
        wanted = expected(predictor)
        assert list(outputs) == list(wanted)
        for name, values in wanted.items():
            assert outputs[name] == (pytest.approx(values) if name[0] in "pv" else values)


async def test_binary_requests_and_answers(client: httpx.AsyncClient, predictor: Predictor) -> None:
    one = {"name": "input", "shape": [3, 4], "datatype": "FP64"}
    request = {
        "parameters": {"binary_data_output": True},
        "inputs": [{**one, "parameters": {"binary_data_size": ROWS.nbytes}}],
    }
    body, headers = in_binary(request, ROWS.tobytes())
    answer = await client.post("/infer", content=body, headers=headers)
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    response, place = json.loads(answer.content[:length]), length
    for output, (name, values) in zip(
        response["outputs"], expected(predictor).items(), strict=True
    ):
        size = output["parameters"]["binary_data_size"]
        data = answer.content[place : place + size]
        place += size
        assert "data" not in output
        assert (output["name"], output["shape"][0]) == (name, 3)
        if output["datatype"] == "BYTES":
            assert data == encode_texts(values)
        else:
            dtype = {"FP64": "<f8", "BOOL": "?"}[output["datatype"]]
            assert np.frombuffer(data, dtype).tolist() == values
    assert place == len(answer.content)


async def test_binary_and_json_tensors_in_one_request(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    colours = encode_texts(["grün", "", "red"])
    inputs: list[Json] = [dict(each) for each in NAMED]
    for place, data in ((1, colours), (3, np.array([3, 10, 1], "<u1").tobytes())):
        del inputs[place]["data"]
        inputs[place]["parameters"] = {"binary_data_size": len(data)}
    body, headers = in_binary({"inputs": inputs}, colours, bytes([3, 10, 1]))
    response = (await client.post("/infer", content=body, headers=headers)).json()
    first = next(iter(expected(predictor).values()))
    assert response["outputs"][0]["data"] == pytest.approx(first)


async def test_metadata_names_every_tensor(client: httpx.AsyncClient, predictor: Predictor) -> None:
    response = (await client.get(f"http://test/v2/models/{predictor.name}")).json()
    assert response["versions"] == [predictor.version]
    (tensor,) = response["inputs"]
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("input", "FP64", [-1, 4])
    kinds = [(each["name"], each["datatype"]) for each in tensor["parameters"]["columns"]]
    assert kinds == [("size", "FP64"), ("colour", "BYTES"), ("smokes", "BOOL"), ("score", "FP64")]
    assert tensor["parameters"]["columns"][1]["parameters"]["categories"] == [
        "red",
        "dark blue",
        "grün",
    ]
    outputs = {each["name"]: each for each in response["outputs"]}
    assert list(outputs) == list(expected(predictor))
    names = list(predictor.schema.target.names)
    first = response["outputs"][0]
    assert (first["parameters"]["columns"], first["shape"]) == (names, [-1, len(names)])
    for each in response["outputs"][1:]:
        if each["datatype"] == "BYTES":
            assert set(expected(predictor)[each["name"]]) <= set(each["parameters"]["texts"])
    version = (await client.get(f"/versions/{predictor.version[:12]}")).json()
    assert version == response
    for path in ("/ready", f"/versions/{predictor.version}/ready"):
        assert (await client.get(path)).json() == {"name": predictor.name, "ready": True}


@binary
async def test_requested_outputs_in_order(client: httpx.AsyncClient) -> None:
    request = {
        "inputs": NAMED,
        "outputs": [
            {"name": "label", "parameters": {"binary_data": True}},
            {"name": "probability"},
        ],
    }
    answer = await client.post("/infer", json=request)
    length = int(answer.headers["inference-header-content-length"])
    label, probability = json.loads(answer.content[:length])["outputs"]
    assert (label["name"], probability["name"]) == ("label", "probability")
    assert len(probability["data"]) == 3
    assert len(answer.content) == length + label["parameters"]["binary_data_size"]


@binary
@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"parameters": None},
        {
            "parameters": {
                "threshold": None,
                "binary_data_output": None,
                "shared_memory_region": None,
            }
        },
        {"parameters": {"sequence_id": 7, "sequence_end": True, "timeout": 5, "unknown": {}}},
        {"outputs": None},
        {"outputs": [{"name": name, "parameters": None} for name in OUTPUTS]},
        {
            "outputs": [
                {"name": name, "parameters": {"binary_data": None, "classification": None}}
                for name in OUTPUTS
            ]
        },
        {"inputs": [{**each, "parameters": {"binary_data_size": None}} for each in NAMED]},
    ],
)
async def test_what_may_be_left_out_may_be_null(client: httpx.AsyncClient, change: Json) -> None:
    expected = (await client.post("/infer", json={"inputs": NAMED})).json()
    answer = await client.post("/infer", json={"inputs": NAMED, **change})
    assert (answer.status_code, answer.json()) == (200, expected)


async def test_no_rows_are_answered_with_no_rows(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    alone = [{**each, "shape": [0], "data": []} for each in NAMED]
    for inputs in ([{**all_in_one(NULLS), "shape": [0, 4], "data": []}], alone):
        answer = await client.post("/infer", json={"inputs": inputs})
        assert answer.status_code == 200, answer.json()
        outputs = {each["name"]: each for each in answer.json()["outputs"]}
        assert list(outputs) == list(expected(predictor))
        for each in outputs.values():
            assert (each["shape"][0], each["data"]) == (0, [])


@pytest.mark.parametrize("binary_data", [False, True])
async def test_classes_by_value(
    client: httpx.AsyncClient, predictor: Predictor, binary_data: bool
) -> None:
    values = predictor.predict(ROWS)
    target = predictor.schema.target
    output = next(iter(expected(predictor)))
    for count in (1, 2, 1000):
        parameters = {"classification": count, "binary_data": binary_data}
        request = {"inputs": NAMED, "outputs": [{"name": output, "parameters": parameters}]}
        answer = await client.post("/infer", json=request)
        size = int(answer.headers.get("inference-header-content-length", len(answer.content)))
        (tensor,) = json.loads(answer.content[:size])["outputs"]
        wanted = [
            f"{row[place]!r}:{place}:{target.names[place]}"
            for row in values.tolist()
            for place in sorted(range(len(row)), key=lambda place: -row[place])[:count]
        ]
        assert tensor["datatype"] == "BYTES"
        assert tensor["shape"] == [3, min(count, len(target.names))]
        if binary_data:
            assert answer.content[size:] == encode_texts(wanted)
        else:
            assert tensor["data"] == wanted


@pytest.mark.parametrize("kinds", ["multi_label"], indirect=True)
async def test_classes_of_truths(client: httpx.AsyncClient, predictor: Predictor) -> None:
    applies = (predictor.predict(ROWS) > 0.5).astype(int).tolist()
    names = predictor.schema.target.names
    outputs = [{"name": "applies", "parameters": {"classification": 1}}]
    response = (await client.post("/infer", json={"inputs": NAMED, "outputs": outputs})).json()
    wanted = [f"{max(row)}:{row.index(max(row))}:{names[row.index(max(row))]}" for row in applies]
    assert response["outputs"][0]["data"] == wanted


@binary
async def test_the_threshold(client: httpx.AsyncClient, predictor: Predictor) -> None:
    for given, threshold in ((0.9, 0.9), ("careful", 0.01), ("0.25", 0.25), (0, 0), (1, 1)):
        request = {"inputs": NAMED, "parameters": {"threshold": given, "priority": 3}}
        response = (await client.post("/infer", json=request)).json()
        assert response["parameters"]["threshold"] == threshold
        assert response["outputs"][1]["data"] == expected(predictor, threshold)["label"]
    for wrong in (1.5, -0.1, True, "hasty", [0.5], 10**400):
        request = {"inputs": NAMED, "parameters": {"threshold": wrong}}
        answer = await client.post("/infer", json=request)
        assert answer.status_code == 400
        assert "operating points: default, careful" in answer.json()["error"]


@regression
async def test_a_threshold_of_a_model_without_one_is_rejected(client: httpx.AsyncClient) -> None:
    request = {"inputs": NAMED, "parameters": {"threshold": 0.5}}
    answer = await client.post("/infer", json=request)
    assert answer.status_code == 400
    assert "must not be given" in answer.json()["error"]


@binary
async def test_the_server(client: httpx.AsyncClient, predictor: Predictor) -> None:
    answer = await client.get("http://test/v2")
    assert (answer.status_code, answer.json()["name"]) == (200, "malignancy")
    assert (await client.get("http://test/v2/health/live")).json() == {"live": True}
    assert (await client.get("http://test/v2/health/ready")).json() == {"ready": True}
    index = [{"name": "binary", "version": predictor.version, "state": "READY", "reason": ""}]
    for body in (b"", b'{"ready": true}', b'{"ready": false}', b'{"ready": null}', b"{}"):
        answer = await client.post("http://test/v2/repository/index", content=body)
        assert answer.json() == index
    for body in (b"[]", b'{"ready": 1}', b"{"):
        answer = await client.post("http://test/v2/repository/index", content=body)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])


@binary
async def test_a_model_that_is_not_ready_and_an_internal_error(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = SelfTest(ROWS[:1], np.ones((1, 1)))
    app = create_app(Settings(), replace(predictor, self_test=failing))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/v2") as client:
        for path in ("/health/ready", "/models/binary/ready"):
            answer = await client.get(path)
            assert (answer.status_code, list(answer.json())) == (503, ["error"])
        (response,) = (await client.post("/repository/index")).json()
        assert response["state"] == "UNAVAILABLE"
        assert "self-test" in response["reason"]
        assert (await client.post("/repository/index", json={"ready": True})).json() == []

        def bug(*_: object) -> None:
            raise RuntimeError("a secret")

        monkeypatch.setattr(ModelVersion, "predict", bug)
        answer = await client.post("/models/binary/infer", json={"inputs": NAMED})
        assert (answer.status_code, list(answer.json())) == (500, ["error"])
        assert answer.headers["content-type"] == "application/json"


@regression
async def test_a_feature_with_the_name_of_the_common_tensor(predictor: Predictor) -> None:
    size, *others = predictor.schema.features
    features = (size.model_copy(update={"name": "input"}), *others)
    schema = predictor.schema.model_copy(update={"features": features})
    transport = httpx.ASGITransport(app=create_app(Settings(), replace(predictor, schema=schema)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/v2") as client:
        alone = [{**NAMED[0], "name": "input"}, *NAMED[1:]]
        for inputs in ([all_in_one(NULLS)], alone):
            response = (
                await client.post("/models/regression/infer", json={"inputs": inputs})
            ).json()
            assert response["outputs"][0]["data"] == pytest.approx(expected(predictor)["value"])


@binary
async def test_statistics_count_requests_and_rows(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    paths = ("/stats", f"/versions/{predictor.version}/stats", "http://test/v2/models/stats")
    for requests in (0, 1, 2):
        for path in paths:
            (statistics,) = (await client.get(path)).json()["model_stats"]
            assert (statistics["name"], statistics["version"]) == ("binary", predictor.version)
            assert (statistics["inference_count"], statistics["execution_count"]) == (
                3 * requests,
                requests,
            )
            parts = statistics["inference_stats"]
            assert parts["success"] == parts["compute_infer"]
            assert parts["success"]["count"] == requests
            assert (parts["success"]["ns"] > 0) == (requests > 0)
            assert parts["queue"] == {"count": requests, "ns": 0}
            assert parts["fail"] == {"count": 0, "ns": 0}
        assert (await client.post("/infer", json={"inputs": NAMED[:1]})).status_code == 400
        assert (await client.post("/infer", json={"inputs": NAMED})).status_code == 200
    for path in ("none/stats", "none/config", "binary/versions/0123/stats"):
        answer = await client.get(f"http://test/v2/models/{path}")
        assert (answer.status_code, list(answer.json())) == (404, ["error"])


async def test_configuration_has_the_tensors_of_the_metadata(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    config = (await client.get("/config")).json()
    assert config == (await client.get(f"/versions/{predictor.version}/config")).json()
    assert (config["name"], config["max_batch_size"]) == (predictor.name, 50)
    metadata = (await client.get(f"http://test/v2/models/{predictor.name}")).json()
    types = {"FP64": "TYPE_FP64", "BYTES": "TYPE_STRING", "BOOL": "TYPE_BOOL"}
    for kind in ("input", "output"):
        assert [
            (each["name"], each["data_type"], [-1, *each["dims"]]) for each in config[kind]
        ] == [
            (each["name"], types[each["datatype"]], each["shape"]) for each in metadata[f"{kind}s"]
        ]
    assert (await client.get("http://test/v2/models")).json() == {"models": [predictor.name]}


@binary
async def test_what_is_not_supported_is_explained(client: httpx.AsyncClient) -> None:
    for path, reason in (
        ("repository/models/binary/load", "Models are loaded from the files in the settings"),
        ("repository/models/binary/unload", "Models are loaded from the files in the settings"),
        ("systemsharedmemory/region/a/register", "Shared memory is not supported"),
        ("cudasharedmemory/status", "Shared memory is not supported"),
        ("trace/setting", "follow the settings of the service"),
        ("models/binary/trace/setting", "follow the settings of the service"),
        ("logging", "follow the settings of the service"),
    ):
        for method in ("GET", "POST"):
            answer = await client.request(method, f"http://test/v2/{path}", content=b"{}")
            assert answer.status_code == 400
            assert reason in answer.json()["error"]


@binary
async def test_the_document(client: httpx.AsyncClient) -> None:
    document = (await client.get("http://test/openapi.json")).json()
    for path in ("/v2", "/v2/health/live", "/v2/health/ready"):
        assert "get" in document["paths"][path]
    assert "post" in document["paths"]["/v2/repository/index"]
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        assert "get" in document["paths"][path]
        assert "get" in document["paths"][f"{path}/ready"]
        infer = document["paths"][f"{path}/infer"]["post"]
        content = infer["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            assert (await client.post("/infer", json=example["value"])).status_code == 200
    response = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert not name.startswith("v2.") or f'"#/components/schemas/{name}"' in response
    for part in response.split('"#/components/schemas/')[1:]:
        assert part.split('"')[0] in document["components"]["schemas"]


@regression
async def test_an_answer_that_is_not_finite_is_rejected(predictor: Predictor) -> None:
    app = create_app(Settings(), replace(predictor, theta=predictor.theta * 1e200))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/v2") as client:
        request = {"inputs": [all_in_one([[1.7e308, 0, 0, 1]])]}
        answer = await client.post("/models/regression/infer", json=request)
        assert answer.status_code == 400
        assert "small enough for a finite answer" in answer.json()["error"]

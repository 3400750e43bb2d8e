"""Real responses of every operation and option are as the OpenAPI document describes them."""

import csv
import io
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from support.openapi_contract import Contract, json_lines

from model.prediction.predictor import Predictor
from service.app import create_app
from service.codecs.negotiation import JSON, NAMES, TEXTS
from service.openapi.examples import PredictionExamples
from service.registry.model_version import ModelVersion
from service.settings import Settings

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
VERSION = "0123456789abcdef" * 4
BINARY = "application/octet-stream"
PATHS = ("/predict", "/models/{name}/predict", "/models/{name}/versions/{version}/predict")
EXPLAIN_PATHS = tuple(path.replace("predict", "explain") for path in PATHS)
INVOCATIONS = (
    "/invocations", "/v1/models/{name}:predict", "/v1/models/{name}/versions/{version}:predict",
)  # fmt: skip
READS = (
    "/", "/health", "/health/live", "/health/ready", "/metrics", "/model", "/model/card", "/models",
    "/models/{name}", "/models/{name}/card", "/models/{name}/metrics", "/ping", "/version", "/v2",
    "/v2/health/live", "/v2/health/ready", "/v2/models/{name}", "/v2/models/{name}/ready",
    "/v2/models", "/v2/models/stats", "/v2/models/{name}/stats", "/v2/models/{name}/config",
    "/v2/models/{name}/versions/{version}/stats", "/v2/models/{name}/versions/{version}/config",
    "/models/{name}/curves", "/models/{name}/versions/{version}/curves",
    "/v1/models", "/v1/models/{name}", "/v1/models/{name}/versions/{version}",
    "/v2/models/{name}/versions/{version}", "/v2/models/{name}/versions/{version}/ready",
)  # fmt: skip


class Service:
    """A service with one model, whose responses are compared with its document."""

    def __init__(
        self, client: httpx.AsyncClient, predictor: Predictor, contract: Contract, rows: list[Json]
    ) -> None:
        self._client, self.predictor = client, predictor
        self.contract = contract
        self.has_threshold = predictor.schema.target.has_threshold
        self.rows = rows

    def url(self, path: str) -> str:
        return path.format(name=self.predictor.name, version=self.predictor.version)

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = await self._client.request(method, self.url(path), **request)
        self.contract.check(response)
        return response

    async def predict(
        self, path: str, body: Any, media_type: str = JSON, accept: str = JSON, query: str = ""
    ) -> httpx.Response:
        content = body if isinstance(body, str) else json.dumps(body)
        headers = {"Content-Type": media_type, "Accept": accept}
        response = await self.send("POST", path + query, content=content, headers=headers)
        if response.status_code == 200 and media_type == JSON and body:
            self.contract.check_request(self.url(path), body)
        return response

    def table(self, media_type: str, rows: list[Json]) -> str:
        """Return rows in a format of texts."""
        if NAMES[media_type] == NAMES["application/x-ndjson"]:
            return "".join(f"{json.dumps(row)}\n" for row in rows)
        text = io.StringIO()
        delimiter = "\t" if "tab" in media_type else ","
        writer = csv.DictWriter(text, list(self.rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
        return text.getvalue()

    def queries(self) -> Iterable[str]:
        thresholds = ["", "threshold=0.7", "threshold=default"] if self.has_threshold else [""]
        for threshold, mark in itertools.product(thresholds, ["", "on_error=mark"]):
            query = "&".join(filter(None, (threshold, mark)))
            yield f"?{query}" if query else ""


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


@pytest.fixture(scope="module")
def model(kinds: Predictor) -> Predictor:
    return replace(kinds, version=VERSION)


@pytest.fixture(scope="module")
def app(model: Predictor) -> FastAPI:
    return create_app(Settings(), model)


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


@pytest.fixture(scope="module")
async def contract(app: FastAPI) -> Contract:
    async with client_of(app) as client:
        return Contract((await client.get("/openapi.json")).json())


@pytest.fixture(scope="module")
def rows(model: Predictor) -> list[Json]:
    return PredictionExamples(ModelVersion(model, Settings())).rows


@pytest.fixture
async def service(
    app: FastAPI, model: Predictor, contract: Contract, rows: list[Json]
) -> AsyncIterator[Service]:
    """Run a model of each task, with features of all types."""
    contract.seen.clear()
    async with client_of(app) as client:
        yield Service(client, model, contract, rows)


@pytest.fixture
def invalid(service: Service) -> Json:
    """Return a row with a value that no feature can have."""
    return service.rows[0] | {next(iter(service.rows[0])): "no such value"}


async def test_reads(service: Service) -> None:
    for path in READS:
        assert (await service.send("GET", path)).status_code == 200, path
    for path in (each for each in READS if "{name}" in each):
        wrong = path.replace("{name}", "no-such-model")
        assert (await service.send("GET", wrong)).status_code == 404
    for accept in ("text/plain", "application/openmetrics-text"):
        await service.send("GET", "/metrics", headers={"Accept": accept})
    for path in ("/metrics", "/models/{name}/metrics"):
        query = "?threshold=0.3"
        status = (await service.send("GET", path + query)).status_code
        assert status == (200 if service.has_threshold else 422)
        assert (await service.send("GET", f"{path}?thresold=1")).status_code == 422


@pytest.mark.parametrize("path", PATHS)
async def test_json_bodies(service: Service, invalid: Json, path: str) -> None:
    rows = service.rows
    arrays = [list(row.values()) for row in rows]
    for query in service.queries():
        for row in rows:
            answer = await service.predict(path, row, query=query)
            service.contract.validate(answer.json(), {"$ref": "#/components/schemas/Answer"})
        for instances in (rows, rows[:1], arrays, arrays[:1]):
            answer = await service.predict(path, {"instances": instances}, query=query)
            service.contract.validate(answer.json(), {"$ref": "#/components/schemas/Answers"})
        bodies: list[Json] = [invalid, {"instances": [invalid]}, {"instances": [[]]}, {}]
        for body in bodies:
            assert (await service.predict(path, body, query=query)).status_code == 422
        assert (await service.predict(path, "{", query=query)).status_code == 400
    for name in ("params", "parameters"):
        parameters = {"threshold": 0.2} if service.has_threshold else {}
        for value in (parameters, {}, None):
            body = {"instances": rows, name: value, "signature_name": "serving_default"}
            assert (await service.predict(path, body)).status_code == 200
    assert (await service.predict(path, {"instances": []})).status_code in (200, 422)


@pytest.mark.parametrize("path", EXPLAIN_PATHS)
async def test_explanations(service: Service, invalid: Json, path: str) -> None:
    rows = service.rows
    every = "shapley,curves,certainty,neighbours"
    every += ",counterfactuals" * (service.predictor.schema.target.link != "linear")
    for query in ("", f"?include={every}", "?include=shapley&reference=typical"):
        bodies: list[Json] = [rows[0], {"instances": rows}, {"instances": []}]
        for body in bodies:
            answer = await service.predict(path, body, query=query)
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["explanations"]) == len(body.get("instances", [body]))
    for query in ("?include=none", "?reference=training", "?reference=x", "?on_error=mark"):
        assert (await service.predict(path, rows[0], query=query)).status_code == 422
    wrong: list[Json] = [invalid, {"instances": [invalid]}, {"instances": rows * 11}]
    for body in wrong:
        assert (await service.predict(path, body)).status_code == 422
    assert (await service.predict(path, "{")).status_code == 400
    assert (await service.predict(path, "a\n1\n", "text/csv")).status_code == 415
    assert (await service.predict(path, rows[0], accept="text/csv")).status_code == 406


@pytest.mark.parametrize("media_type", [each for each in NAMES if NAMES[each] in TEXTS])
async def test_tables(service: Service, invalid: Json, media_type: str) -> None:
    schema = {"$ref": "#/components/schemas/TableLine"}
    for query in service.queries():
        for rows in (service.rows, service.rows[:1], [service.rows[0], invalid], []):
            body = service.table(media_type, rows)
            is_good = invalid not in rows or "mark" in query
            for accept in (media_type, JSON, "application/x-ndjson"):
                answer = await service.predict("/predict", body, media_type, accept, query)
                if rows or answer.status_code == 200:
                    assert answer.status_code == (200 if is_good else 422), answer.text
                if answer.status_code == 200 and "json" in accept and accept != JSON:
                    lines = list(json_lines(answer.text))
                    assert len(lines) == len(rows)
                    for line in lines:
                        service.contract.validate(line, schema)
    answer = await service.predict("/predict", "1\n", media_type, query="?on_error=refuse")
    assert answer.status_code == 422


async def test_csv_has_the_columns_that_the_document_lists(service: Service) -> None:
    body = service.table("text/csv", service.rows)
    for query, more in (("", []), ("?on_error=mark", ["error"])):
        answer = await service.predict("/predict", body, "text/csv", "text/csv", query)
        (header, *_) = csv.reader(io.StringIO(answer.text))
        document = service.contract.document["components"]["schemas"]["CsvPredictions"]
        assert (
            f"The columns are {', '.join(header[: len(header) - len(more)])},"
            in (document["description"])
        )
        assert header[len(header) - len(more) :] == more


async def test_extra_columns_are_repeated_in_rows(service: Service) -> None:
    rows = [row | {"id": place, "nested": {"a": [1]}} for place, row in enumerate(service.rows)]
    body = service.table("application/x-ndjson", [*rows, {"id": "last", "nested": None}])
    for accept in (JSON, "application/x-ndjson"):
        answer = await service.predict(
            "/predict", body, "application/x-ndjson", accept, "?on_error=mark"
        )
        lines = answer.json()["predictions"] if accept == JSON else json_lines(answer.text)
        found = list(lines)
        assert [each["id"] for each in found] == [*range(len(rows)), "last"]
        assert "errors" in found[-1]
        name = "TableRow" if accept == JSON else "TableLine"
        for line in found:
            service.contract.validate(line, {"$ref": f"#/components/schemas/{name}"})


async def test_rejected_requests_have_documented_answers(service: Service) -> None:
    for path in (*PATHS, *INVOCATIONS):
        assert (await service.predict(path, "", "text/html")).status_code == 415
        assert (await service.predict(path, "{}", JSON, "text/html")).status_code == 406
        status = 400 if path.startswith("/v1/") else 422
        assert (await service.predict(path, "{}", query="?unknown=1")).status_code == status
    for path in (each for each in PATHS if "{name}" in each):
        wrong = path.replace("{name}", "no-such-model")
        assert (await service.predict(wrong, "{}")).status_code == 404


@pytest.mark.parametrize("path", INVOCATIONS)
async def test_invocations(service: Service, invalid: Json, path: str) -> None:
    status = 400 if path.startswith("/v1/") else 422
    rows = service.rows
    names, arrays = list(rows[0]), [list(row.values()) for row in rows]
    forms: list[Json] = [
        {"dataframe_split": {"columns": names, "data": arrays, "index": [0, 1]}},
        {"dataframe_split": {"columns": names[::-1], "data": [row[::-1] for row in arrays]}},
        {"dataframe_records": rows},
        {"instances": rows},
        {"instances": arrays},
        {"inputs": arrays},
        {"inputs": {name: [row[name] for row in rows] for name in names}},
    ]
    beside: list[Json] = [{}, {"params": {}}, {"params": None}]
    for form, params in itertools.product(forms, beside):
        assert (await service.predict(path, form | params)).status_code == 200
    assert (await service.predict(path, {"inputs": [invalid]})).status_code == status
    assert (await service.predict(path, {"other": 1})).status_code == status
    for media_type, accept in itertools.product(("text/csv", "application/x-ndjson"), TEXTS):
        body = service.table(media_type, rows)
        for query in service.queries():
            answer = await service.predict(path, body, media_type, accept, query)
            assert answer.status_code == 200


async def test_infer(service: Service) -> None:
    outputs = [
        each["name"] for each in (await service.send("GET", "/v2/models/{name}")).json()["outputs"]
    ]
    tensor = PredictionExamples(ModelVersion(service.predictor, Settings())).tensor_requests(
        {"name": "input", "datatype": "FP64"}
    )["rows"]["value"]
    options: list[Json] = [
        {},
        {"id": "one"},
        {"parameters": {"binary_data_output": True}},
        {"parameters": {"binary_data_output": None, "priority": 1}},
        {"outputs": [{"name": name} for name in (*outputs, "imputed")]},
        {"outputs": [{"name": outputs[0], "parameters": {"classification": 2}}]},
        {"outputs": [{"name": outputs[0], "parameters": {"binary_data": True}}], "id": None},
    ]
    if service.has_threshold:
        options += [{"parameters": {"threshold": each}} for each in (0.2, "default", None)]
    for path in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        for option in options:
            assert (await service.predict(path, tensor | option)).status_code == 200, option
        bodies: list[Any] = ["{", {}, {"inputs": []}, tensor | {"outputs": [{"name": "none"}]}]
        for body in bodies:
            assert (await service.predict(path, body)).status_code == 400
        wrong = path.replace("{name}", "no-such-model")
        assert (await service.predict(wrong, tensor)).status_code == 404
    for body in ({}, {"ready": True}, {"ready": None}):
        assert (await service.predict("/v2/repository/index", body)).status_code == 200
    assert (await service.predict("/v2/repository/index", {"ready": 1})).status_code == 400


def test_the_document_is_valid(kinds: Predictor) -> None:
    document = create_app(Settings(), kinds).openapi()
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


async def test_every_operation_and_media_type_is_compared(service: Service) -> None:
    for path in READS:
        for accept in ("*/*", "text/plain", "application/openmetrics-text", "text/html"):
            headers = {"Accept": accept, "User-Agent": "test"}
            await service.send("GET", path, headers=headers)
    tables = [name for name, of in NAMES.items() if of in TEXTS]
    for path in (*PATHS, *INVOCATIONS):
        for accept in (JSON, *tables):
            await service.predict(path, {"instances": service.rows}, JSON, accept)
            await service.predict(path, service.table("text/csv", service.rows), "text/csv", accept)
    for path in EXPLAIN_PATHS:
        await service.predict(path, service.rows[0])
    tensors = PredictionExamples(ModelVersion(service.predictor, Settings()))
    tensor = tensors.tensor_requests({"name": "input", "datatype": "FP64"})["rows"]["value"]
    for path in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        for binary in (True, False):
            await service.predict(path, tensor | {"parameters": {"binary_data_output": binary}})
    await service.predict("/v2/repository/index", "")  # the body is optional
    missing = service.contract.expected() - service.contract.seen
    others = ("/feedback", "/predictions/{id}", "/subjects/{subject}")  # in test_store_answers.py
    missing = {each for each in missing if not each[0].endswith(("/report", "/live", *others))}
    assert {media_type for *_, media_type in missing} <= {
        name
        for name, of in NAMES.items()
        if of not in (*TEXTS, JSON)  # need pyarrow
    }

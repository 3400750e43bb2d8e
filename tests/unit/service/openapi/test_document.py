"""Tests of service.openapi.document: tags, summaries, parameters, schemas and references."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from model.artifacts import artifact
from model.prediction.predictor import Predictor
from service.app import create_app
from service.codecs.negotiation import NAMES
from service.openapi.tags import TAGS
from service.registry.registry import Model, ModelRegistry
from service.settings import Settings

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
KEY = f"clinic:admin:{sha256(b'secret').hexdigest()}"


@pytest.fixture
async def document(client: httpx.AsyncClient) -> Json:
    return dict((await client.get("/openapi.json")).json())


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


async def test_operations_are_grouped_by_tags(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["tags"] == TAGS
    names = [tag["name"] for tag in TAGS]
    assert names[:2] == ["Predict", "Model"]
    assert {"Health", "Open Inference Protocol", "MLflow"} <= set(names)
    assert all(tag["description"].endswith(".") for tag in TAGS)
    used = [operation["tags"] for _, operation in operations(document)]
    assert all(len(tags) == 1 for tags in used)
    assert {tag for tags in used for tag in tags} == set(names)


async def test_every_operation_has_a_summary_a_description_and_an_id(document: Json) -> None:
    for path, operation in operations(document):
        assert len(operation["summary"].split()) > 2, path
        assert not operation["summary"].endswith("."), path
        assert operation["description"].endswith("."), path
        assert not any(word in operation["description"] for word in ("Args:", "Raises:")), path
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    predict = document["paths"]["/predict"]["post"]
    assert predict["summary"] == "Predict one or many instances"


async def test_every_path_parameter_is_documented_once(document: Json) -> None:
    for path, operation in operations(document):
        parameters = operation.get("parameters", [])
        named = [each["name"] for each in parameters if each["in"] == "path"]
        assert named == [
            name for name in ("name", "version", "id", "subject") if f"{{{name}}}" in path
        ], path
        assert all(each["description"].endswith(".") for each in parameters), path


async def test_predict(document: Json, predictor: Predictor) -> None:
    operation = document["paths"]["/predict"]["post"]
    assert set(operation["responses"]) == {
        *"200 400 406 413 415 422 503 507".split(),
        "default",
    }
    tables = {name for name, of in NAMES.items() if of != "application/json"}
    body, answer = operation["requestBody"]["content"], operation["responses"]["200"]["content"]
    assert set(answer) == {"application/json", *tables}
    assert set(body) == {*answer, "multipart/form-data"}
    assert "application/problem+json" in operation["responses"]["422"]["content"]
    names = [each["name"] for each in operation["parameters"]]
    assert names == ["threshold", "on_error", "X-Request-ID", "Content-Encoding"]
    schemas = document["components"]["schemas"]
    instance = schemas["Instance"]
    assert list(instance["properties"]) == list(predictor.schema.names)
    assert instance["properties"]["mitoses"] == {
        "title": "Mitoses",
        "type": "integer",
        "minimum": 1,
        "maximum": 10,
        "description": "Share of dividing cells. "
        "1: hardly any cell divides; 10: many cells divide.",
    }
    assert instance["properties"]["bare_nuclei"]["type"] == ["integer", "null"]
    assert "bare_nuclei" not in instance["required"]


def test_references_and_components_match(predictor: Predictor) -> None:
    document = create_app(Settings(api_keys=KEY), predictor).openapi()
    del document["components"]["securitySchemes"]  # operations name them without a reference
    line = "#/components/schemas/TableLine"  # which the description of NDJSON names
    assert {*references(document), line} == {
        f"#/components/{kind}/{name}"
        for kind, named in document["components"].items()
        for name in named
    }


async def test_ids_of_operations_are_names_of_methods(document: Json) -> None:
    ids = {operation["operationId"] for _, operation in operations(document)}
    assert {"predict", "predict_by_name", "model", "metrics", "health", "invocations"} <= ids
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", each) for each in ids)


async def test_urls_are_relative_to_the_document(document: Json) -> None:
    (server,) = document["servers"]
    base = urljoin("https://example.org/behind/a/prefix/openapi.json", server["url"])
    assert base == "https://example.org/behind/a/prefix/"


async def test_every_response_has_the_request_id(document: Json) -> None:
    for path, operation in operations(document):
        assert "X-Request-ID" in [each["name"] for each in operation["parameters"]], path
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"], (path, status)
            assert ("Retry-After" in response["headers"]) == (status in ("503", "default"))


def schemas_in(node: Any, path: str = "#") -> Iterator[tuple[str, Json]]:
    """Yield all objects of a document outside of examples, with their places."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            if key not in ("example", "examples", "const", "enum"):
                yield from schemas_in(value, f"{path}/{key}")
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from schemas_in(value, f"{path}/{place}")


def test_schemas_have_only_what_generators_of_clients_know(kinds: Predictor) -> None:
    document = create_app(Settings(), kinds).openapi()
    for path, node in schemas_in(document):
        types = node.get("type", ())
        if "array" in (types if isinstance(types, list) else [types]):
            assert "items" in node, path
        assert not isinstance(node.get("const"), list | dict), path
        assert "oneOf" not in node, path


def test_without_keys_no_operation_needs_one(predictor: Predictor) -> None:
    document = create_app(Settings(), predictor).openapi()
    assert "securitySchemes" not in document["components"]
    assert all("security" not in operation for _, operation in operations(document))


async def test_security_is_that_of_the_service(predictor: Predictor) -> None:
    app = create_app(Settings(api_keys=KEY), predictor)
    document = app.openapi()
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme["type"] for name, scheme in schemes.items()} == {
        "bearer": "http",
        "api_key": "apiKey",
        "basic": "http",
    }
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                parameters = operation["parameters"]
                named = {each["name"]: each["example"] for each in parameters if "example" in each}
                answer = await client.request(method, path.format(**named))
                assert (answer.status_code == 401) == ("security" in operation), path
                assert ("401" in operation["responses"]) == ("security" in operation), path
                assert all(set(each) <= set(schemes) for each in operation.get("security", ()))


async def test_the_document_follows_a_reload(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.joblib"
    artifact.save(predictor, path)
    registries: list[ModelRegistry] = []

    def registry(models: Sequence[Model], *options: Any) -> ModelRegistry:
        registries.append(ModelRegistry(models, *options))
        return registries[0]

    monkeypatch.setattr("service.app.ModelRegistry", registry)
    app = create_app(Settings(artifact=path))
    first = app.openapi()
    assert app.openapi() is first
    artifact.save(replace(predictor, facts={"description": "new"}), path)
    for model in registries[0].by_name.values():
        assert model.reload()
    second = app.openapi()
    assert second["info"]["description"] != first["info"]["description"]
    example = second["paths"]["/model"]["get"]["responses"]["200"]["content"]["application/json"]
    assert example["example"]["description"] == "new"

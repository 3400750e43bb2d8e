"""Tests of service.openapi.document: tags, summaries, parameters, schemas and references."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.artifacts import artifact
from model.prediction.predictor import Predictor
from service.app import create_app
from service.codecs.negotiation import MEDIA_TYPES
from service.openapi.tags import TAGS
from service.registry.registry import Model, ModelRegistry
from service.settings import Settings

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


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
        assert named == [name for name in ("name", "version") if f"{{{name}}}" in path], path
        assert all(each["description"].endswith(".") for each in parameters), path


async def test_predict(document: Json, predictor: Predictor) -> None:
    operation = document["paths"]["/predict"]["post"]
    assert set(operation["responses"]) == set("200 400 406 413 415 422 503 507".split())
    tables = set(MEDIA_TYPES) - {"application/json"}
    body, answer = operation["requestBody"]["content"], operation["responses"]["200"]["content"]
    assert set(answer) == {"application/json", *tables}
    assert set(body) == {*answer, "multipart/form-data"}
    assert "application/problem+json" in operation["responses"]["422"]["content"]
    assert [each["name"] for each in operation["parameters"]] == ["threshold", "on_error"]
    schemas = document["components"]["schemas"]
    instance = schemas["Instance"]
    assert list(instance["properties"]) == list(predictor.schema.names)
    assert instance["properties"]["mitoses"] == {"type": "integer", "minimum": 1, "maximum": 10}
    assert instance["properties"]["bare_nuclei"]["type"] == ["integer", "null"]
    assert "bare_nuclei" not in instance["required"]


async def test_references_and_schemas_match(document: Json) -> None:
    named = {reference.rsplit("/", 1)[1] for reference in references(document)}
    schemas = set(document["components"]["schemas"])
    assert named <= schemas
    assert {name for name in schemas if name.startswith("v2.")} <= named


async def test_the_document_follows_a_reload(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.joblib"
    artifact.save(predictor, path)
    registries: list[ModelRegistry] = []

    def registry(models: Sequence[Model]) -> ModelRegistry:
        registries.append(ModelRegistry(models))
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

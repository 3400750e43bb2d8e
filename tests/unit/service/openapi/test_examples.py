"""Tests of service.openapi.examples: each request example gets the response example as answer."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from model.prediction.predictor import Predictor
from service.app import create_app
from service.codecs.negotiation import ARROW_TYPES, MULTIPART, NAMES
from service.openapi.examples import PredictionExamples
from service.registry.model_version import ModelVersion
from service.settings import Settings

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
OTHER_NAMES = {name for name, media_type in NAMES.items() if name != media_type}
# These formats have no text that could be shown, or change with every request.
WITHOUT_EXAMPLE = {
    *OTHER_NAMES,
    *(name for name, of in NAMES.items() if of in ARROW_TYPES),
    MULTIPART,
    "application/octet-stream",
    "application/openmetrics-text",
}
SCRAPED = ("/metrics", "text/plain")


def connect(predictor: Predictor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield method, URL with the examples of its path parameters, and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            values = {each["name"]: each["example"] for each in parameters if each["in"] == "path"}
            yield method, path.format(**values), operation


def examples(content: Json) -> dict[str, Any]:
    """Return the examples of a Media Type Object by name."""
    if "example" in content:
        return {"": content["example"]}
    return {name: each["value"] for name, each in content["examples"].items()}


async def compare_examples(client: httpx.AsyncClient) -> int:
    """Send every example of a request, compare the answers, and return their number."""
    document = (await client.get("/openapi.json")).json()
    compared = 0
    for method, url, operation in operations(document):
        if url.endswith(("/report", "/live")):  # need a file beside the artifact, or a store
            continue
        if operation["tags"] == ["Feedback"]:  # of predictions that a store has
            continue
        answers = operation["responses"]["200"]["content"]
        bodies = operation.get("requestBody", {"content": {}})["content"]
        requests = [
            (media_type, name, body)
            for media_type, content in bodies.items()
            if media_type not in WITHOUT_EXAMPLE
            for name, body in examples(content).items()
        ]
        for media_type, name, body in requests or [("", "", "")]:
            content = body if isinstance(body, str) else json.dumps(body)
            headers = {"Content-Type": media_type} if media_type else {}
            answer = await client.request(method, url, content=content, headers=headers)
            assert answer.status_code == 200, (url, answer.text)
            answered_type = answer.headers["content-type"].partition(";")[0]
            expected = examples(answers[answered_type])[name]
            found = answer.text if isinstance(expected, str) else answer.json()
            if url.endswith("/curves"):  # the example has fewer points
                assert list(found) == list(expected)
            elif not url.endswith("/stats"):  # which count these requests
                assert found == expected, (url, media_type, name)
            compared += 1
    return compared


async def test_request_examples_get_the_response_examples(client: httpx.AsyncClient) -> None:
    assert await compare_examples(client) > 40


async def test_examples_of_each_task_and_type_of_feature(kinds: Predictor) -> None:
    async with connect(replace(kinds, version="0123456789abcdef" * 4)) as client:
        assert await compare_examples(client) > 40


async def test_every_request_and_response_has_an_example(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for _, url, operation in operations(document):
        bodies = operation.get("requestBody", {"content": {}})["content"]
        for content in (bodies, operation["responses"]["200"]["content"]):
            for media_type, described in content.items():
                if media_type not in WITHOUT_EXAMPLE and (url, media_type) != SCRAPED:
                    assert examples(described), (url, media_type)


async def test_examples_are_not_counted_as_predictions(predictor: Predictor) -> None:
    async with connect(predictor) as client:
        assert (await client.get("/openapi.json")).status_code == 200
        scraped = await client.get("/metrics", headers={"Accept": "text/plain"})
        assert "malignancy_predictions_total{" not in scraped.text


def test_the_second_row_has_a_missing_value(predictor: Predictor) -> None:
    examples = PredictionExamples(ModelVersion(predictor, Settings()))
    assert examples.rows[1] == examples.rows[0] | {"bare_nuclei": None}
    answers = examples.json_responses()["objects"]["value"]["predictions"]
    assert [each.get("imputed") for each in answers] == [None, ["bare_nuclei"]]


def test_examples_keep_the_limit_of_rows(predictor: Predictor) -> None:
    examples = PredictionExamples(ModelVersion(predictor, Settings(max_rows=1)))
    assert len(examples.rows) == 1
    assert len(examples.json_responses()["objects"]["value"]["predictions"]) == 1


def test_a_rejected_row_has_no_response_example(predictor: Predictor) -> None:
    broken = replace(predictor, theta=np.full_like(predictor.theta, np.nan))
    examples = PredictionExamples(ModelVersion(broken, Settings()))
    assert set(examples.json_requests()) == {"one", "objects", "arrays"}
    assert examples.json_responses() == {}

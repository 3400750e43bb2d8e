"""Tests of service.routes.curves: parts and outputs of each task, and the matrices of /metrics."""

import dataclasses

import httpx
import numpy as np
import pytest

from model.arrays import Array
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import MultiClass, MultiLabel, Regression
from service.app import create_app
from service.registry import curves as registry_curves
from service.registry.curves import MAX_OUTPUTS, describe_curves
from service.settings import Settings

pytestmark = pytest.mark.anyio


def serve(predictor: Predictor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def draw(predictor: Predictor, rows: int, seed: int = 0) -> ScoredRows:
    """Return drawn targets and predictions of the model's kind."""
    generator, target = np.random.default_rng(seed), predictor.schema.target
    targets: Array
    predictions = generator.random((rows, len(target.names)))
    if isinstance(target, MultiClass):
        predictions /= predictions.sum(axis=1, keepdims=True)
        targets = generator.integers(0, len(target.classes), (rows, 1))
    elif isinstance(target, Regression):
        targets = generator.random((rows, len(target.names)))
    else:
        targets = generator.random((rows, len(target.names))) < 0.4
    return ScoredRows.ungrouped(targets, predictions)


async def test_counts_are_those_of_the_metrics(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    answer = await client.get("/models/article/curves")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert found["model"] == predictor.title
    assert "regression" not in found
    (output,) = found["outputs"]
    assert output["name"] == "malignant"
    assert list(output["parts"]) == ["validation", "train"]
    part = output["parts"]["validation"]
    assert (part["rows"], part["positives"]) == (182, 41)
    assert len(part["threshold"]) <= 200
    assert part["areas"]["roc_auc"] == pytest.approx(predictor.facts["scores"]["roc_auc"])
    points = [
        each
        for each in zip(
            part["threshold"], part["true_positive"], part["false_positive"], strict=True
        )
        if each[0] is not None
    ]
    for threshold, hits, false in points[::9] + points[-1:]:
        metrics = (await client.get("/metrics", params={"threshold": repr(threshold)})).json()
        matrix = metrics["validation"]["confusion_matrix"]
        assert (matrix["true_positive"], matrix["false_positive"]) == (hits, false)


async def test_a_version_has_its_curves(client: httpx.AsyncClient, predictor: Predictor) -> None:
    whole = await client.get("/models/article/curves")
    version = await client.get(f"/models/article/versions/{predictor.version[:12]}/curves")
    assert (version.status_code, version.content) == (200, whole.content)
    for path in ("/models/none/curves", f"/models/article/versions/{'0' * 64}/curves"):
        assert (await client.get(path)).status_code == 404


async def test_curves_are_computed_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await client.get("/models/article/curves")
    monkeypatch.setattr(registry_curves, "probability_curves", None)
    assert (await client.get("/models/article/curves")).content == first.content


async def test_parts_and_outputs_of_each_task(kinds: Predictor) -> None:
    target = kinds.schema.target
    model = dataclasses.replace(
        kinds,
        validation=draw(kinds, 50),
        out_of_bag=draw(kinds, 40, 1),
        train=draw(kinds, 60, 2),
        test=draw(kinds, 30, 3),
        facts={"loss_history": [{"epoch": 0, "train_loss": 0.7}]},
    )
    async with serve(model) as client:
        found = (await client.get(f"/models/{model.name}/curves")).json()
    assert found["loss_history"] == [{"epoch": 0, "train_loss": 0.7}]
    assert found["outputs_left_out"] == 0
    rows = {"validation": 50, "out_of_bag": 40, "train": 60, "test": 30}
    if isinstance(target, Regression):
        assert found["outputs"] == []
        assert [each["output"] for each in found["regression"]] == list(target.outputs)
        for each in found["regression"]:
            assert {name: part["rows"] for name, part in each["parts"].items()} == rows
            assert [len(part["groups"]) for part in each["parts"].values()] == [10] * 4
        return
    assert "regression" not in found
    assert [each["name"] for each in found["outputs"]] == list(target.names)
    for number, each in enumerate(found["outputs"]):
        assert {name: part["rows"] for name, part in each["parts"].items()} == rows
        truth = model.validation.targets
        column = truth == number if isinstance(target, MultiClass) else truth[:, [number]]
        assert each["parts"]["validation"]["positives"] == column.sum()


async def test_parts_without_rows_or_with_one_class(kinds: Predictor) -> None:
    empty = draw(kinds, 0)
    alike = dataclasses.replace(draw(kinds, 20), targets=np.zeros_like(draw(kinds, 20).targets))
    model = dataclasses.replace(kinds, validation=empty, train=alike, facts={})
    async with serve(model) as client:
        answer = await client.get(f"/models/{model.name}/curves")
    assert answer.status_code == 200
    found = answer.json()
    assert found["loss_history"] == []
    for each in found["outputs"]:
        assert each["parts"]["validation"]["threshold"] == []
        assert each["parts"]["train"]["areas"]["roc_auc"] is None


def test_out_of_bag_rows_that_validate_are_not_given_twice(kinds: Predictor) -> None:
    rows = draw(kinds, 20)
    facts = {"recipe": {"split": {"validation": "out-of-bag"}}}
    model = dataclasses.replace(kinds, validation=rows, out_of_bag=rows, facts=facts)
    assert list(registry_curves.scored_parts(model)) == ["validation", "train"]


def test_of_many_outputs_the_first_have_curves(kinds: Predictor) -> None:
    labels = tuple(f"label{number}" for number in range(MAX_OUTPUTS + 5))
    schema = kinds.schema.model_copy(update={"target": MultiLabel(labels=labels)})
    model = dataclasses.replace(kinds, schema=schema)
    rows = draw(model, 10)
    found = describe_curves(dataclasses.replace(model, validation=rows, train=rows))
    assert [each["name"] for each in found["outputs"]] == list(labels[:MAX_OUTPUTS])
    assert found["outputs_left_out"] == 5

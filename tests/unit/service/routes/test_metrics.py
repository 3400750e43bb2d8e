"""Tests of service.routes.metrics: the metrics of the model as JSON."""

import dataclasses

import httpx
import numpy as np
import pytest

from model.metrics.threshold_metrics import binary_matrix
from model.prediction.predictor import Predictor, ScoredRows
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio


async def test_metrics_at_the_active_threshold(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    metrics = answer.json()
    assert list(metrics) == ["model", "threshold", "validation", "train", "sweep", "scores"]
    assert metrics["model"] == predictor.title
    assert metrics["threshold"] == 0.5
    validation = metrics["validation"]
    assert (validation["rows"], validation["positives"]) == (182, 41)
    matrix = validation["confusion_matrix"]
    assert matrix["true_positive"] + matrix["false_negative"] == 41
    assert matrix["true_negative"] + matrix["false_positive"] == 141
    assert validation["sensitivity"] == matrix["true_positive"] / 41
    low, high = validation["intervals"]["sensitivity"]
    assert 0 <= low <= validation["sensitivity"] <= high <= 1
    assert metrics["scores"] == predictor.facts["scores"]


async def test_the_sweep(client: httpx.AsyncClient) -> None:
    metrics = (await client.get("/metrics")).json()
    assert [each["threshold"] for each in metrics["sweep"]] == [0.5, 0.7, 0.8, 0.9]
    for name in ("validation", "train"):
        assert metrics["sweep"][0][name] == metrics[name]
        rates = [each[name]["sensitivity"] for each in metrics["sweep"]]
        assert rates == sorted(rates, reverse=True)


async def test_out_of_bag_predictions_are_a_part(predictor: Predictor) -> None:
    rows = ScoredRows.ungrouped(predictor.train.targets, predictor.train.predictions / 2)
    bagged = dataclasses.replace(predictor, out_of_bag=rows)
    transport = httpx.ASGITransport(app=create_app(Settings(), bagged))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/metrics?threshold=0.2", "/models/article/metrics?threshold=0.2"):
            metrics = (await client.get(path)).json()
            parts = ["validation", "out_of_bag", "train"]
            assert list(metrics) == ["model", "threshold", *parts, "sweep", "scores"]
            assert [list(each) for each in metrics["sweep"]] == [["threshold", *parts]] * 4
            matrix = metrics["out_of_bag"]["confusion_matrix"]
            assert matrix == vars(binary_matrix(rows, 0.2))
            matrix = metrics["sweep"][0]["out_of_bag"]["confusion_matrix"]
            assert matrix == vars(binary_matrix(rows, 0.5))


async def test_out_of_bag_predictions_that_validate_are_not_given_twice(
    predictor: Predictor,
) -> None:
    facts = {**predictor.facts, "recipe": {"split": {"validation": "out-of-bag"}}}
    bagged = dataclasses.replace(predictor, out_of_bag=predictor.validation, facts=facts)
    transport = httpx.ASGITransport(app=create_app(Settings(), bagged))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        metrics = (await client.get("/metrics")).json()
    assert "out_of_bag" not in metrics
    assert metrics["validation"]["rows"] == 182


@pytest.mark.parametrize("threshold", [0, 0.123, 1])
async def test_the_query_sets_the_threshold(
    client: httpx.AsyncClient, predictor: Predictor, threshold: float
) -> None:
    metrics = (await client.get("/metrics", params={"threshold": threshold})).json()
    assert metrics["threshold"] == threshold
    rows = predictor.train
    expected = binary_matrix(rows, threshold)
    assert metrics["train"]["confusion_matrix"] == vars(expected)


async def test_a_metric_without_a_denominator_is_null(client: httpx.AsyncClient) -> None:
    validation = (await client.get("/metrics?threshold=1")).json()["validation"]
    assert validation["positive_predictive_value"] is None
    assert validation["intervals"]["positive_predictive_value"] is None


@pytest.mark.parametrize("query", ["threshold=2", "threshold=x", "thresholds=0.5"])
async def test_an_invalid_query_is_rejected(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/metrics?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_metrics_without_rows_or_scores_are_null(predictor: Predictor) -> None:
    none = ScoredRows.ungrouped(np.zeros((0, 1), dtype=bool), np.zeros((0, 1)))
    bare = dataclasses.replace(predictor, train=none, validation=none, facts={})
    transport = httpx.ASGITransport(app=create_app(Settings(), bare))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        metrics = (await client.get("/metrics")).json()
    assert metrics["scores"] is None
    assert metrics["validation"]["accuracy"] is None
    assert metrics["validation"]["f1"] is None

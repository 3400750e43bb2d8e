"""A model with a refer band and operating points: predictions, document and `predict` command."""

import csv
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.artifacts import artifact
from model.prediction.predictor import Predictor
from model.prediction.target import Binary
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio
POINTS = {"default": 0.5, "balanced": 0.01}
ROWS = [[1] * 9, [5, 4, 4, 4, 4, 5, 4, 4, 1], [10] * 9]


@pytest.fixture(scope="module")
def banded(predictor: Predictor) -> Predictor:
    """The article's model with a refer band that includes the probability of the middle row."""
    assert isinstance(predictor.schema.target, Binary)
    target = predictor.schema.target.model_copy(update={"refer": (0.05, 0.99)})
    schema = predictor.schema.model_copy(update={"target": target})
    changed = replace(predictor, schema=schema, operating_points=POINTS)
    return artifact.from_bytes(artifact.to_bytes(changed))


@pytest.fixture
async def client(banded: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(), banded))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def decision(probability: float) -> str:
    if probability > 0.99:
        return "malignant"
    return "refer" if probability > 0.05 else "benign"


async def test_decisions(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/predict", json={"instances": ROWS})).json()
    decisions = [each["decision"] for each in answer["predictions"]]
    assert decisions == [decision(each["probability"]) for each in answer["predictions"]]
    assert decisions == ["benign", "refer", "malignant"]


async def test_a_threshold_by_name(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/predict?threshold=balanced", json={"instances": ROWS})).json()
    assert answer["threshold"] == 0.01
    labels = ["malignant" if p["probability"] > 0.01 else "benign" for p in answer["predictions"]]
    assert [each["label"] for each in answer["predictions"]] == labels
    assert (await client.post("/predict?threshold=cost", json={})).status_code == 422


async def test_openapi(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    for name in ("Answer", "Prediction"):
        described = schemas[name]["properties"]["decision"]
        assert described["enum"] == ["benign", "refer", "malignant"]
        assert described["description"] == "refer for a probability above 0.05 and up to 0.99."
        assert "decision" in schemas[name]["required"]


def test_a_scored_file(banded: Predictor, program: Any, tmp_path: Path) -> None:
    artifact.save(banded, tmp_path / "a.joblib")
    lines = [",".join(banded.schema.names), *(",".join(map(str, row)) for row in ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join([*lines, ""]))
    code, *_ = program(
        "predict", tmp_path / "a.joblib", tmp_path / "rows.csv", "--output", tmp_path / "out.csv"
    )
    assert code == 0
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["decision"] for row in rows] == ["benign", "refer", "malignant"]

"""An artifact of each older format can be served by every route of its model."""

from pathlib import Path

import httpx
import pytest
from support.paths import ROOT

from model.artifacts import artifact
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio
FILES = sorted((ROOT / "tests/data/artifacts").glob("*.joblib"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_it_is_served(path: Path) -> None:
    predictor = artifact.load(path)
    rows = predictor.self_test.rows
    given = rows[~(rows != rows).any(axis=1)][:2].tolist()
    body = {"inputs": [{"name": "input", "shape": [2, len(given[0])], "datatype": "FP64"}]}
    body["inputs"][0]["data"] = given
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post(f"/v2/models/{path.stem}/infer", json=body)
        assert answer.status_code == 200, answer.text
        curves = f"/models/{path.stem}/curves"
        for route in ("/model", "/model/card", "/metrics", curves, "/openapi.json"):
            answer = await client.get(route)
            assert answer.status_code == 200, (route, answer.text)
        names = predictor.schema.names
        is_mixed = any(each.type in ("category", "boolean") for each in predictor.schema.features)
        if not is_mixed:
            answer = await client.post("/explain", json=dict(zip(names, given[0], strict=True)))
            assert answer.status_code == 200, answer.text

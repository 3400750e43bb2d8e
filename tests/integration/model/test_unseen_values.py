"""A model that accepts unknown categories and numbers out of range, from its recipe to answers."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from support.openapi_contract import Contract, json_lines

from model.artifacts import artifact
from model.pipelines.train import train
from model.prediction.predictor import Predictor
from model.training.recipes.recipe import load_recipe
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

RECIPE = """
name = "open"
split = { validation = 0.25 }
scaling = { method = "standard" }
network = { hidden = [{ units = 4 }] }
training = { optimizer = { name = "adam" }, learning_rate = 0.02, epochs = 60 }
features = [
    { name = "size", minimum = 0, maximum = 10 },
    { name = "colour", type = "category", categories = ["red", "blue"] },
    { name = "closed", type = "category", categories = ["a", "b"], unseen = "refuse" },
    { name = "count", type = "integer", minimum = 0, maximum = 3 },
]
[data]
file = "t.csv"
target = "y"
positive = "yes"
negative = "no"
unseen = "other"
out_of_range = "clip"
"""
KNOWN = {"size": 10, "colour": "red", "closed": "a", "count": 1}
OPEN = {"size": 11, "colour": "green", "closed": "a", "count": -4}
FACTS = {"clipped": ["size", "count"], "unknown": ["colour"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("open")
    generator = np.random.default_rng(0)
    size, colour = generator.uniform(0, 12, 400), generator.integers(0, 2, 400)
    lines = [
        f"{x:.2f},{('red', 'blue')[c]},{'ab'[n % 2]},{n % 4},{('no', 'yes')[x > 4 + 4 * c]}"
        for n, (x, c) in enumerate(zip(size.tolist(), colour.tolist(), strict=True))
    ]
    (folder / "t.csv").write_text("\n".join(["size,colour,closed,count,y", *lines]) + "\n")
    (folder / "r.toml").write_text(RECIPE)
    predictor = train(load_recipe(str(folder / "r.toml"))).predictor
    artifact.save(predictor, folder / "open.joblib")
    return artifact.load(folder / "open.joblib")


@pytest.fixture
async def client(model: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(), model))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def test_an_unknown_category_is_predicted_like_their_average(model: Predictor) -> None:
    low, red, blue, unknown, high = model.predict(
        np.array([[1.0, 2, 0, 1], [6, 0, 0, 1], [6, 1, 0, 1], [6, 2, 0, 1], [9.9, 2, 0, 1]])
    )[:, 0]
    assert blue < 0.3 < 0.7 < red
    assert blue + 0.1 < unknown < red - 0.1
    assert low < 0.3 < 0.7 < high


async def test_answers_say_what_was_clipped_and_unknown(client: httpx.AsyncClient) -> None:
    contract = Contract((await client.get("/openapi.json")).json())

    async def post(body: Any, path: str = "/predict", **options: Any) -> httpx.Response:
        options |= {"content": body} if isinstance(body, str) else {"json": body}
        response = await client.post(path, **options)
        contract.check(response)
        assert response.status_code == 200, response.text
        return response

    nearest = OPEN | {"size": 10, "count": 0}
    two = [list(KNOWN.values()), list(OPEN.values())]
    known, clipped, of_nearest = [(await post(row)).json() for row in (KNOWN, OPEN, nearest)]
    assert not FACTS.keys() & known.keys()
    assert {name: clipped[name] for name in FACTS} == FACTS
    assert clipped["probability"] == of_nearest["probability"] != known["probability"]
    assert of_nearest["unknown"] == ["colour"]
    for path in ("/predict", "/invocations"):
        answers = (await post({"instances": two}, path)).json()["predictions"]
        assert answers[0].keys() & FACTS.keys() == set()
        assert {name: answers[1][name] for name in FACTS} == FACTS
    table = "".join(f"{','.join(map(str, row))}\n" for row in (KNOWN, *two))
    for accept in ("text/csv", "application/x-ndjson"):
        headers = {"Content-Type": "text/csv", "Accept": accept}
        text = (await post(table, headers=headers)).text
        if accept == "text/csv":
            header, *lines = [line.split(",") for line in text.splitlines()]
            assert header[-2:] == ["clipped", "unknown"]
            assert [line[-2:] for line in lines] == [["", ""], ["size;count", "colour"]]
        else:
            assert [each.get("clipped") for each in json_lines(text)] == [None, ["size", "count"]]
    tensor = {"name": "input", "datatype": "FP64", "shape": [1, 4], "data": [11, 2, 0, -4]}
    names = ("probability", "clipped", "unknown")
    body = {"inputs": [tensor], "outputs": [{"name": name} for name in names]}
    answer = (await post(body, "/v2/models/open/infer")).json()
    outputs = {each["name"]: each["data"] for each in answer["outputs"]}
    assert outputs == {
        "probability": [clipped["probability"]],
        "clipped": ["size;count"],
        "unknown": ["colour"],
    }
    assert answer["parameters"].items() >= {"clipped": "size;count", "unknown": "colour"}.items()
    features = (await client.get("/model")).json()["schema"]["features"]
    contract.check(await client.get("/model"))
    assert [each.get("out_of_range") for each in features] == ["clip", None, None, "clip"]
    assert [each.get("unseen") for each in features] == [None, "other", "refuse", None]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("size", "red", "must be a number"),
        ("count", 3.5, "must be an integer"),
        pytest.param("count", 10**400, "must be an integer", id="huge"),
        ("colour", 2, "must be a text"),
        ("closed", "c", "must be one of a, b"),
    ],
)
async def test_other_values_are_refused(
    client: httpx.AsyncClient, name: str, value: object, rule: str
) -> None:
    answer = await client.post("/predict", json=KNOWN | {name: value})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": name, "rule": rule}]

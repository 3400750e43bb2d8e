"""Every task end to end: training, artifact, command line, file prediction and service agree."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from model.artifacts import artifact
from model.errors import MalignancyError
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.train import train
from model.prediction.predictor import Predictor
from model.training.recipes.recipe import load_recipe
from service.app import create_app
from service.settings import SettingError, Settings

pytestmark = pytest.mark.usefixtures("few_draws")

Program = Callable[..., tuple[int, str, str]]

HEAD = """
name = "mine"
task = "{task}"
features = [{{ name = "x", minimum = -9, maximum = 9 }}, {{ name = "y", may_be_missing = true }}]
data.file = "rows.csv"
data.missing = "median"
split.validation = 0.3
explanation.rows = 30
scaling.method = "standard"
network.hidden = [{{ units = 8, activation = "tanh" }}]
training = {{ optimizer = "adam", learning_rate = 0.02, epochs = 120, batch_size = 16 }}
"""
TARGETS = {
    "multi_class": 'target = "side"\nclasses = ["left", "middle", "right"]',
    "multi_label": 'target = ["high", "far"]',
    "regression": 'target = ["sum", "product"]\nunit = "mm"',
    "non_negative": 'target = "distance"',
}
TASKS = list(TARGETS)


def table(rows: int = 150) -> str:
    generator = np.random.default_rng(0)
    lines = ["x,y,side,high,far,sum,product,distance"]
    for x, y in generator.normal(0, 2, (rows, 2)).clip(-9, 9).round(3).tolist():
        side = ("left", "middle", "right")[int(x > -1) + int(x > 1)]
        far = int(x * x + y * y > 6)
        numbers = f"{1000 + 100 * (x + y):.4f},{x * y:.4f},{50 * (x * x + y * y) ** 0.5:.4f}"
        lines.append(f"{x},{y},{side},{'true' if y > 0 else 'false'},{far},{numbers}")
    lines[5] = lines[5].replace(lines[5].split(",")[1], "", 1)  # a missing y
    return "\n".join([*lines, ""])


def recipe_of(folder: Path, task: str, more: str = "") -> Path:
    (folder / "rows.csv").write_text(table())
    path = folder / "mine.toml"
    target = "\n".join(f"data.{line}" for line in TARGETS[task].splitlines())
    path.write_text(HEAD.format(task=task) + target + "\n" + more)
    return path


def validation_metrics(predictor: Predictor) -> dict[str, Any]:
    return metrics_at_threshold(predictor.schema.target, predictor.validation, predictor.threshold)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("task", TASKS)
def test_training_and_the_loaded_artifact_agree(tmp_path: Path, task: str, dtype: str) -> None:
    predictor = train(
        load_recipe(str(recipe_of(tmp_path, task, f'network.dtype = "{dtype}"')))
    ).predictor
    found = validation_metrics(predictor)
    if task == "multi_class":
        assert found["accuracy"] > 0.85
    elif task == "multi_label":
        assert found["accuracy"] > 0.85
        assert min(each["sensitivity"] for each in found["labels"].values()) > 0.7
    else:
        assert min(each["r_squared"] for each in found["outputs"].values()) > 0.85
    version = artifact.save(predictor, tmp_path / "mine.joblib")
    loaded = artifact.load(tmp_path / "mine.joblib")
    assert loaded.version == version
    loaded.replay_self_test()
    rows = np.array([[1.0, 2.0], [-3.0, np.nan]])
    np.testing.assert_array_equal(loaded.predict(rows), predictor.predict(rows))
    assert validation_metrics(loaded) == found
    if task == "non_negative":
        assert loaded.predict(np.array([[0.0, 0.0]])).min() >= 0


@pytest.mark.anyio
@pytest.mark.parametrize("task", TASKS)
async def test_the_service_and_the_predictor_agree(tmp_path: Path, task: str) -> None:
    trained = train(load_recipe(str(recipe_of(tmp_path, task)))).predictor
    predictor = artifact.from_bytes(artifact.to_bytes(trained))
    target = predictor.schema.target
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        body = {"instances": [[1.5, 2.5], [-2.0, None]]}
        answer = (await client.post("/predict", json=body)).json()
        expected = target.answers(predictor.predict(np.array([[1.5, 2.5], [-2, np.nan]])), 0.5)
        assert answer["model"] == predictor.title
        assert ("threshold" in answer) == target.has_threshold
        assert answer["predictions"][0] == expected[0]
        assert answer["predictions"][1] == {**expected[1], "imputed": ["y"]}
        one = (await client.post("/predict", json={"x": 1.5, "y": 2.5})).json()
        [alone] = target.answers(predictor.predict(np.array([[1.5, 2.5]])), 0.5)
        assert {name: one[name] for name in alone} == alone

        limited = await client.post("/predict?threshold=0.9", json={"x": 1, "y": 2})
        metrics = (await client.get("/metrics")).json()
        assert metrics["validation"] == json.loads(json.dumps(validation_metrics(predictor)))
        if target.has_threshold:
            assert limited.json()["threshold"] == 0.9
            assert [each["threshold"] for each in metrics["sweep"]] == [0.5, 0.7, 0.8, 0.9]
        else:
            [error] = limited.json()["errors"]
            assert error == {
                "field": "threshold",
                "rule": "must not be given: this model has no threshold",
            }
            assert metrics.keys().isdisjoint({"threshold", "sweep"})

        model = (await client.get("/model")).json()
        assert model["schema"]["target"]["task"] == task
        card = (await client.get("/model/card")).text
        assert all(name in card for name in target.names)
        document = (await client.get("/openapi.json")).json()
        parameters = document["paths"]["/predict"]["post"]["parameters"]
        assert ("threshold" in [each["name"] for each in parameters]) == target.has_threshold
        assert set(document["components"]["schemas"]["Prediction"]["required"]) == set(expected[0])
        assert (await client.get("/health/ready")).status_code == 200


def test_a_threshold_for_a_model_without_one_is_rejected(tmp_path: Path) -> None:
    predictor = train(load_recipe(str(recipe_of(tmp_path, "regression")))).predictor
    with pytest.raises(SettingError, match="this model has no threshold"):
        create_app(Settings(threshold="0.5"), predictor)


@pytest.mark.parametrize("task", TASKS)
def test_every_command(
    tmp_path: Path, task: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe_of(tmp_path, task)
    code, out, _ = program("train", "mine.toml")
    assert code == 0
    shown = {
        "multi_class": ["left", "macro F1"],
        "multi_label": ["high", "all labels correct"],
        "regression": ["product", "r squared"],
        "non_negative": ["distance", "r squared"],
    }
    assert all(text in out for text in shown[task])
    numbers = task in ("regression", "non_negative")
    pictures = {path.name for path in Path("artifacts").glob("*.png")}
    plot = "predictions" if numbers else "confusion"
    assert pictures == {f"mine.{name}.png" for name in ("loss", plot, "features")}

    model = "artifacts/mine.joblib"
    predictor = artifact.load(Path(model))
    code, out, _ = program("evaluate", model, "--json")
    evaluated = json.loads(out)["validation"]["figures"][-1]
    last = 0.9 if predictor.schema.target.has_threshold else predictor.threshold
    evaluated.pop("threshold", None)
    expected = metrics_at_threshold(predictor.schema.target, predictor.validation, last)
    assert evaluated == json.loads(json.dumps(expected))
    code, out, _ = program("evaluate", model)
    assert code == 0
    assert all(text in out for text in shown[task])
    code, out, _ = program("inspect", model)
    assert (code, f"task {task}: " in out) == (0, True)
    assert program("describe", "mine.toml")[0] == 0
    code, out, _ = program("compare", "mine.toml", "mine.toml")
    assert (code, "r squared" in out) == (0, numbers)
    assert program("lr-find", "mine.toml")[0] == 0
    assert program("landscape", "mine.toml", "--points", "5")[0] == 0

    assert program("predict", model, "rows.csv", "--output", "scored.csv")[0] == 0
    with Path("scored.csv").open() as file:
        scored = list(csv.DictReader(file))
    cells = [[each["x"], each["y"] or "nan"] for each in scored]
    predictions = predictor.predict(np.array(cells, dtype=float))
    columns = predictor.schema.target.columns(predictions, predictor.threshold)
    for name, column in columns.items():
        assert [each[name] for each in scored] == [str(value) for value in column]
    if not predictor.schema.target.has_threshold:
        for command in (["evaluate", model], ["predict", model, "rows.csv"]):
            code, _, err = program(*command, "--threshold", "0.3")
            assert (code, err) == (2, f"error: --threshold: a {task} model has no threshold\n")


@pytest.mark.parametrize(
    ("task", "more", "why"),
    [
        ("multi_class", 'data.negative = "a"', "data.negative: is for task binary, not for"),
        ("multi_label", 'data.classes = ["a", "b"]', "data.classes: is for task multi_class, not"),
        ("multi_class", 'data.unit = "mm"', "data.unit: is for task regression or non_negative"),
        ("regression", 'data.labels = { a = "b" }', "data.labels: 'a' must mean '' (leave"),
        ("regression", 'data.class_weight = "balanced"', "data.class_weight: is for task binary"),
        ("multi_class", "data.class_weight = [1.0]", 'data.class_weight: must be "balanced", or 3'),
        ("multi_class", 'data.labels = { l = "up" }', "'l' must mean 'left', 'middle', 'right' or"),
        ("regression", "threshold = 0.5", "threshold: task regression has none"),
        ("multi_class", 'network.loss = "huber"', "network.loss: must be sparse_categorical"),
        (
            "regression",
            'network.loss = "binary_cross_entropy"',
            "must be mean_squared_error or",
        ),
    ],
)
def test_settings_that_contradict_the_task_are_rejected(
    tmp_path: Path, task: str, more: str, why: str
) -> None:
    with pytest.raises(MalignancyError) as error:
        load_recipe(str(recipe_of(tmp_path, task, more)))
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("task", "change", "why"),
    [
        ("binary", ("multi_class", "binary"), "data.negative: is required for task binary"),
        ("multi_class", ('classes = ["left"', 'classes = ["left", "left"'), "class 'left' is list"),
        ("multi_class", ("classes =", "labels ="), "data.labels: should be a valid dict"),
        (
            "multi_class",
            ('target = "side"', 'target = ["side"]'),
            "data.target: must be one",
        ),
        (
            "multi_label",
            ('["high", "far"]', '["high", "x"]'),
            "data.target 'x' cannot be a",
        ),
        ("multi_label", ('["high", "far"]', "[]"), "at least 1 item"),
        ("regression", ('"regression"', '"ranking"'), "task: should be 'binary', 'multi_class'"),
    ],
)
def test_a_broken_target_is_rejected(
    tmp_path: Path, task: str, change: tuple[str, str], why: str
) -> None:
    path = recipe_of(tmp_path, "multi_class" if task == "binary" else task)
    text = path.read_text()
    assert change[0] in text
    if task == "binary":
        text = text.replace('data.classes = ["left", "middle", "right"]', "")
    path.write_text(text.replace(*change))
    with pytest.raises(MalignancyError) as error:
        load_recipe(str(path))
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("task", "old", "new", "why"),
    [
        ("multi_class", ",left,", ",up,", "column 'side': must be one of left, middle, right"),
        ("multi_class", ",left,", ",right,", "split.train holds no row of class 'left'"),
        ("multi_label", ",true,", ",maybe,", "column 'high': must be true or false"),
        ("multi_label", ",true,", ",,", "column 'high': must be true or false"),
        ("multi_label", ",true,", ",false,", "split.train holds rows of one value of 'high' only"),
        ("regression", ",1,", ",1,?", "column 'sum': must be a number"),
        ("regression", "far,sum", "far,total", "no column 'sum'"),
        ("non_negative", ".", ".-", "column 'distance': must be a number, at least 0"),
    ],
)
def test_a_broken_table_is_rejected(
    tmp_path: Path, task: str, old: str, new: str, why: str
) -> None:
    path = recipe_of(tmp_path, task)
    file = tmp_path / "rows.csv"
    text = file.read_text()
    assert old in text
    if task == "non_negative":
        lines = text.splitlines()
        text = "\n".join([lines[0], *(",-".join(line.rsplit(",", 1)) for line in lines[1:])])
    else:
        text = text.replace(old, new)
    file.write_text(text)
    with pytest.raises(MalignancyError) as error:
        train(load_recipe(str(path)))
    assert why in str(error.value)

"""Examination of a trained model: on its test rows, by line and by subgroup, never fatal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.artifacts import artifact
from model.evaluation.report.document import report
from model.metrics.row_losses import overall_loss, row_losses
from model.pipelines import examine
from model.pipelines.baselines import linear_predictions
from model.pipelines.train import train
from model.prediction.predictor import Predictor
from model.training.recipes.recipe import load_recipe
from model.training.tables.partitions import read_table

RECIPE = """
name = "mine"
features = [
    { name = "x" },
    { name = "kind", type = "category", categories = ["p", "q"], may_be_missing = true },
]
data.file = "rows.csv"
data.target = "y"
data.negative = "no"
data.positive = "yes"
data.weight = "w"
data.missing = "median"
data.labels = { unsure = "" }
data.subgroups = ["site"]
scaling.method = "standard"
split = { validation = 0.2, test = 0.3 }
network.hidden = []
training = { optimizer = "adam", learning_rate = 0.1, epochs = 20 }
"""


def trained(folder: Path, recipe: str = RECIPE) -> Predictor:
    generator = np.random.default_rng(0)
    lines = ["x,kind,site,w,y"]
    for number, x in enumerate(generator.normal(size=200)):
        label = "unsure" if number == 3 else "yes" if x + generator.normal() > 0 else "no"
        kind, site = ["p", "q", ""][number % 3], "NS"[number % 2]
        lines.append(f"{x:.3f},{kind},{site},{number % 4},{label}")
    (folder / "rows.csv").write_text("\n".join(lines))
    (folder / "mine.toml").write_text(recipe)
    return train(load_recipe(str(folder / "mine.toml"))).predictor


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return trained(tmp_path_factory.mktemp("examined"))


def test_examination_is_of_the_test_rows(predictor: Predictor) -> None:
    assert predictor.test is not None
    found: Any = predictor.facts["examination"]
    assert (found["part"], found["rows"]) == ("test", len(predictor.test.targets))
    loss: Any = predictor.facts["test"]
    assert found["baselines"]["model"] == pytest.approx(loss["scores"]["log_loss"])
    assert found["importance"]["features"][0]["index"] == 0
    pairs = {(each["column"], each["value"]) for each in found["subgroups"]}
    assert pairs == {("site", "N"), ("site", "S"), ("kind", "p"), ("kind", "q"), ("kind", "")}


def test_lines_are_those_of_the_file(predictor: Predictor) -> None:
    lines = predictor.facts["lines"]
    assert len(set(lines)) == 10
    assert all(2 <= line <= 201 and line != 5 for line in lines)  # the header is line 1


def test_artifact_and_report_have_it(predictor: Predictor, tmp_path: Path) -> None:
    artifact.save(predictor, tmp_path / "a.joblib")
    loaded = artifact.load(tmp_path / "a.joblib")
    assert loaded.facts["examination"] == predictor.facts["examination"]
    page = report(loaded, None, {})
    for text in (
        "Baselines: log loss of 60 test rows",
        "Subgroups of 60 test rows at threshold 0.5",
        "site = N",
        "kind = (empty)",
        "Importance of features",
        "weights: column w weighs rows in training, its losses by epoch and decisions; all other",
        "rows left out for a missing value or their label",
        "by their line in the file",
    ):
        assert text in page, text
    assert "Not measured" not in page


def test_an_older_artifact_has_a_report(predictor: Predictor) -> None:
    facts = {name: each for name, each in predictor.facts.items() if name in ("data", "scores")}
    page = report(replace(predictor, facts=facts, test=None), None, {})
    assert "Baselines" not in page
    assert "row numbers begin at 0" in page


def test_a_failure_keeps_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> object:
        raise ValueError("no\nluck")

    monkeypatch.setattr(examine, "baselines", fail)
    facts = trained(tmp_path).facts
    assert "examination" not in facts
    assert facts["notices"][-1] == "the examination of the model is left out: ValueError: no luck"


def test_a_baseline_that_is_far_off_keeps_the_model(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    lines = [f"{x},{y:.3f}" for x, y in draw.normal(size=(40, 2)) * [1e-12, 1]]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y", *lines, "1e17,0"]))
    (tmp_path / "mine.toml").write_text(
        """
        name = "mine"
        task = "regression"
        features = [{ name = "x" }]
        data = { file = "rows.csv", target = "y" }
        scaling = { method = "robust", smooth_clip = 3.0 }
        split.validation = "out-of-bag"
        network.hidden = []
        training = { optimizer = "adam", learning_rate = 0.1, epochs = 2 }
        ensemble = { members = 4, folds = 4 }
        """
    )
    found = train(load_recipe(str(tmp_path / "mine.toml"))).predictor
    assert found.facts["examination"]["baselines"]["linear"]["value"] == 2.0**63
    assert artifact.from_bytes(artifact.to_bytes(found)).facts == found.facts


@pytest.mark.parametrize("folds", ["", ", folds = 4"])
def test_out_of_bag_rows_are_compared_with_baselines_of_other_rows(
    tmp_path: Path, folds: str
) -> None:
    """With four bootstrap samples, some rows are in every bag and are left out."""
    text = RECIPE.replace("validation = 0.2, test = 0.3", 'validation = "out-of-bag"')
    made = trained(tmp_path, f"{text}ensemble = {{ members = 4{folds} }}\n")
    rows = len(made.validation.targets)
    assert (rows == 199) == bool(folds)
    duplicates = [each for each in made.facts["notices"] if each.startswith("duplicates")]
    assert duplicates == ["duplicates: 6 of 199 rows equal another row in all features"]
    examination = made.facts["examination"]
    assert (examination["part"], examination["rows"]) == ("validation", rows)
    table = read_table(load_recipe(str(tmp_path / "mine.toml")))
    within = linear_predictions(made.schema, table, table.rows)
    flattered = overall_loss(
        made.schema.target, row_losses(made.schema.target, table.targets, within)
    )
    if folds:
        assert examination["baselines"]["linear"]["value"] > flattered

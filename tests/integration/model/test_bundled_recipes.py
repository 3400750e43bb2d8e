"""The bundled recipes reach the results in their comments, and their tables can be regenerated."""

import runpy
from contextlib import closing
from pathlib import Path

import pytest

from model.pipelines.train import fit
from model.training.recipes.bundled import BUNDLED, bundled_recipes
from model.training.recipes.recipe import load_recipe
from model.training.tables.partitions import read_partitions

DATA = BUNDLED.parent.parent / "data"
# Final validation loss, final accuracy or R², and the tolerance of the loss, which covers the
# rounding of other processors.
EXPECTED = {
    "digits": (0.108, 0.967, 0.03),
    "digits-binary": (0.007, 0.994, 0.02),
    "digits-binary-relu": (0.014, 0.994, 0.02),
    "ecg": (0.197, 0.917, 0.05),
    "ecg-locally-connected": (0.238, 0.911, 0.06),
    "logistic-regression": (0.078, 0.965, 0.01),
    "multi-label": (0.222, 0.916, 0.02),
    "overfit": (2.0, 0.775, 0.6),
    "overfit-dropout": (1.15, 0.79, 0.4),
    "overfit-early-stopping": (0.537, 0.79, 0.05),
    "overfit-jitter": (0.48, 0.81, 0.1),
    "overfit-l1": (0.71, 0.79, 0.2),
    "overfit-l2": (0.457, 0.80, 0.1),
    "overfit-max-norm": (0.548, 0.77, 0.1),
    "overfit-mixup": (0.496, 0.79, 0.1),
    "regression": (0.470, 0.502, 0.02),
    "vanishing-gradient": (0.639, 0.667, 0.02),
    "vanishing-gradient-relu": (0.156, 0.965, 0.1),
    "wisconsin": (0.137, 0.943, 0.03),
    "wisconsin-monotone": (0.115, 0.95, 0.03),
    "xor": (0.438, 0.86, 0.05),
    "xor-linear": (0.687, 0.535, 0.03),
}


def test_every_recipe_has_a_comment_with_its_expected_result() -> None:
    assert set(EXPECTED) | {"article", "article-long"} == set(bundled_recipes())
    for name in bundled_recipes():
        text = (BUNDLED / f"{name}.toml").read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert "Expected" in text or "extends = " in text
        assert load_recipe(name).facts["description"]


@pytest.mark.parametrize("name", EXPECTED)
def test_recipes_reach_their_expected_results(name: str) -> None:
    recipe = load_recipe(name)
    with closing(read_partitions(recipe)) as parts:
        outcome = fit(recipe, parts).outcome
    loss, score, tolerance = EXPECTED[name]
    stopped = recipe.training.early_stopping is not None
    record = outcome.history.best if stopped else outcome.history.records[-1]
    assert record.validation_loss == pytest.approx(loss, abs=tolerance)
    assert [*record.metrics.values()] == [pytest.approx(score, abs=0.04)]


def test_rows_are_grouped_by_patient() -> None:
    recipe = load_recipe("logistic-regression")
    assert recipe.data.group == "patient_id"


def test_generated_tables_match_their_generator() -> None:
    for name, make in runpy.run_path(str(DATA / "generated.py"))["TABLES"].items():
        assert (DATA / name).read_text(encoding="utf-8") == make()
    assert Path(DATA / "xor.csv").read_text(encoding="utf-8").count("\n") == 401

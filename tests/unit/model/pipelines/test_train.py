"""Training: the article's published numbers, and the content of a predictor."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.artifacts import artifact
from model.errors import DataError, RecipeError, TrainingError
from model.evaluation.metrics import scores
from model.metrics.confusion_matrix import ConfusionMatrix
from model.metrics.threshold_metrics import binary_matrix
from model.pipelines.train import Trained, train
from model.prediction.predictor import Predictor, ScoredRows
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.tables.fit_encoder import fit_encoder

LOSSES = {
    0: "0.673967",
    500: "0.388928",
    1000: "0.231340",
    1500: "0.171447",
    2000: "0.146433",
    2500: "0.133993",
    3000: "0.126808",
    3500: "0.122107",
    12500: "0.101980",
    13000: "0.101604",
    14500: "0.100592",
}


def short(tmp_path: Path, text: str = "") -> Recipe:
    """Return the article's recipe with 20 epochs and the changes of `text`."""
    path = tmp_path / "short.toml"
    path.write_text(f'extends = "article"\ntraining.epochs = 20\n{text}')
    return load_recipe(str(path))


# The article


def test_losses(trained: Trained) -> None:
    history = trained.outcome.history
    losses = dict(zip(history.column("epoch"), history.column("train_loss"), strict=True))
    assert {iteration: f"{losses[iteration]:.6f}" for iteration in LOSSES} == LOSSES
    assert list(losses) == list(range(0, 15_001, 500))


@pytest.mark.parametrize(
    ("threshold", "accuracy", "matrix"),
    [
        (0.5, 0.962, (294, 9, 10, 187)),
        (0.7, 0.950, (296, 7, 18, 179)),
        (0.8, 0.942, (297, 6, 23, 174)),
        (0.9, 0.926, (297, 6, 31, 166)),
    ],
)
def test_train_rows(
    predictor: Predictor, threshold: float, accuracy: float, matrix: tuple[int, ...]
) -> None:
    found = binary_matrix(predictor.train, threshold)
    assert found == ConfusionMatrix(*matrix)
    assert found.summary()["accuracy"] == accuracy


@pytest.mark.parametrize(
    ("threshold", "accuracy", "matrix"),
    [
        (0.5, 1.0, (141, 0, 0, 41)),
        (0.7, 1.0, (141, 0, 0, 41)),
        (0.8, 0.9945, (141, 0, 1, 40)),
        (0.9, 0.9890, (141, 0, 2, 39)),
    ],
)
def test_validation_rows(
    predictor: Predictor, threshold: float, accuracy: float, matrix: tuple[int, ...]
) -> None:
    rows = predictor.validation
    found = binary_matrix(rows, threshold)
    assert found == ConfusionMatrix(*matrix)
    assert round(found.summary()["accuracy"], 4) == accuracy


def test_table_and_split(trained: Trained) -> None:
    table, predictor = trained.table, trained.predictor
    assert (len(table.rows), table.dropped, int(table.targets.sum())) == (683, 16, 239)
    for scored, part in ((predictor.train, slice(500)), (predictor.validation, slice(501, 683))):
        np.testing.assert_array_equal(scored.targets, table.targets[part])
        np.testing.assert_array_equal(scored.predictions, predictor.predict(table.rows[part]))


# Content of a predictor


def test_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    recipe = short(tmp_path)
    once, twice = (artifact.to_bytes(train(recipe).predictor) for _ in range(2))
    assert once == twice
    other = train(short(tmp_path, "training.seed = 2"))
    assert artifact.to_bytes(other.predictor) != once


def test_self_test_rows_are_generated(trained: Trained) -> None:
    predictor = trained.predictor
    rows = predictor.self_test.rows
    assert rows.shape == (16, 9)
    assert not set(map(tuple, rows)) & set(map(tuple, trained.table.rows))
    assert np.isnan(rows[-1]).tolist() == [name == "bare_nuclei" for name in predictor.schema.names]
    assert not np.isnan(rows[:-1]).any()
    predictor.check_rows(rows)
    predictor.replay_self_test()


def test_facts(trained: Trained) -> None:
    predictor, recipe = trained.predictor, load_recipe("article")
    facts = predictor.facts
    assert facts["data"] == {
        "file": "breast-cancer-wisconsin.csv",
        "rows": 699,
        "rows_used": 683,
        "positives": 239,
    }
    assert facts["scores"] == scores(predictor.schema.target, predictor.validation)
    assert facts["recipe"]["training"]["learning_rate"] == recipe.training.optimizer.learning_rate
    assert facts.items() >= recipe.facts.items()
    assert facts["versions"]["numpy"] == np.__version__
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def texts(value: Any) -> Iterator[str]:
    """Yield all texts in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)


def test_facts_contain_no_path(trained: Trained) -> None:
    found = list(texts(dict(trained.predictor.facts)))
    assert "breast-cancer-wisconsin.csv" in found
    assert not [text for text in found if text.startswith(("/", "..")) or str(Path.cwd()) in text]


def test_encoder_is_fitted_on_the_rows_of_the_recipe(trained: Trained, tmp_path: Path) -> None:
    rows, schema = trained.table.rows, trained.predictor.schema
    # All features span 1 to 10 in the training rows; those of a smaller split have other ranges.
    small = "split.train = [0, 60]\nscaling.fit_on = "
    for fit_on, fitted in (("train", rows[:60]), ("all", rows)):
        encoder = train(short(tmp_path, f'{small}"{fit_on}"')).predictor.encoder
        expected = fit_encoder(fitted, schema, "min-max", ("",) * 9)
        for part in ("fill", "center", "spread"):
            np.testing.assert_array_equal(getattr(encoder, part), getattr(expected, part))
    assert (rows[:60].max(axis=0) < rows.max(axis=0)).any()


def test_float32(tmp_path: Path) -> None:
    predictor = train(short(tmp_path, 'network.dtype = "float32"')).predictor
    assert predictor.theta.dtype == np.float32
    assert predictor.validation.predictions.dtype == np.float64
    assert artifact.from_bytes(artifact.to_bytes(predictor)).title.startswith("article@")


def test_generator_determines_the_initial_parameters(tmp_path: Path) -> None:
    def start(generator: str) -> float:
        recipe = short(tmp_path, f'training.generator = "{generator}"')
        return train(recipe).outcome.history.records[0].train_loss

    assert start("legacy") == pytest.approx(0.673967, abs=5e-7)
    assert start("default") != pytest.approx(0.673967, abs=1e-3)


def test_report_interval(tmp_path: Path) -> None:
    seen: list[float] = []
    recipe = short(tmp_path, "training.report_every = 8")
    outcome = train(recipe, watch=lambda done, _: seen.append(done)).outcome
    assert outcome.history.column("epoch") == [0, 8, 16, 20]
    assert seen == list(range(1, 21))


def test_validation_of_one_class(tmp_path: Path) -> None:
    recipe = short(tmp_path, "split.validation = [501, 503]")
    predictor = train(recipe).predictor
    assert isinstance(predictor.validation, ScoredRows)
    assert predictor.facts["scores"]["roc_auc"] is None
    assert artifact.from_bytes(artifact.to_bytes(predictor)).facts == predictor.facts


def test_recipes_that_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^split.validation ends at row 684, the table has 683"):
        train(short(tmp_path, "split.validation = [501, 684]"))
    with pytest.raises(
        TrainingError, match=r"^the loss is no longer a number at step \d+, epoch \d+, with"
    ):
        train(short(tmp_path, "training.learning_rate = 1e200"))


# Validation by out-of-bag predictions


OUT_OF_BAG = """
threshold = "balanced"
ensemble = { members = 4, folds = 4 }
split = { validation = "out-of-bag", test = 0.2 }
training = { optimizer = "adam", early_stopping = { patience = 3, rows = "out-of-bag" } }
"""


def bagged(tmp_path: Path, text: str = OUT_OF_BAG) -> Recipe:
    path = tmp_path / "bagged.toml"
    path.write_text(f'extends = "article"\n{text}')
    return load_recipe(str(path))


def test_out_of_bag_predictions_validate(tmp_path: Path) -> None:
    made = train(bagged(tmp_path))
    predictor = made.predictor
    assert predictor.test is not None
    assert predictor.out_of_bag is not None
    rows = len(predictor.train.targets)
    assert rows + len(predictor.test.targets) == 683
    assert len(predictor.validation.targets) == rows
    for name, array in vars(predictor.out_of_bag).items():
        np.testing.assert_array_equal(getattr(predictor.validation, name), array)
    assert (predictor.validation.predictions != predictor.train.predictions).any()
    assert {record.validation_loss for record in made.outcome.history.records} == {None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('split = { validation = "out-of-bag" }', "split.validation: out-of-bag needs an ensemble"),
        (
            'ensemble = { members = 2, bagged = false }\nsplit = { validation = "out-of-bag" }',
            "split.validation: out-of-bag needs an ensemble",
        ),
        (
            'ensemble = { members = 2 }\nsplit = { validation = "out-of-bag", test = [0, 9] }',
            "split: test must be given like validation",
        ),
        ('split = { validation = "out-of-bags" }', "split: validation must be a value of column"),
    ],
)
def test_out_of_bag_validation_needs_bags(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        bagged(tmp_path, text)


def test_a_single_network_is_not_trained_on_a_cluster() -> None:
    with pytest.raises(TrainingError, match=r"^--cluster: a single network is trained by one proc"):
        train(load_recipe("xor"), cluster="tcp://127.0.0.1:1")

"""From a recipe to a predictor: the one place that wires table, network, loop and figures."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from model.arrays import Array
from model.evaluation.metrics import scores
from model.network.initializers import Generator
from model.predictor import Predictor, ScoredRows, SelfTest
from model.scaling import fit_min_max
from model.schema import Schema
from model.training.dataset import Table, read_table, select
from model.training.loop import History, Report, minimize
from model.training.recipe import Recipe

SELF_TEST_ROWS = 16


@dataclass(frozen=True)
class Trained:
    """A predictor, and what its pictures are drawn from."""

    predictor: Predictor
    history: History
    table: Table


def train(recipe: Recipe, report: Report) -> Trained:
    """Run a recipe. `report` hears (iteration, train loss, validation loss) as it goes.

    Raises DataError when the table does not fit the recipe, TrainingError when the loss diverges.
    """
    table = read_table(recipe)
    train_rows = select(table, "train", *recipe.split.train)
    validation_rows = select(table, "validation", *recipe.split.validation)
    fitted_on = table if recipe.scaling.fit_on == "all" else train_rows
    schema = recipe.data_schema
    scaler = fit_min_max(fitted_on.rows, schema.names)
    network = recipe.build_network()
    theta = network.initial_parameters(_generator(recipe))
    history = History()

    def remember(iteration: int, train_loss: float, validation_loss: float) -> None:
        history.add(iteration, train_loss, validation_loss)
        report(iteration, train_loss, validation_loss)

    minimize(
        network,
        theta,
        recipe.build_optimizer(),
        train=(scaler.transform(train_rows.rows), train_rows.labels[:, None]),
        validation=(scaler.transform(validation_rows.rows), validation_rows.labels[:, None]),
        iterations=recipe.training.iterations,
        report_every=recipe.training.report_every,
        report=remember,
    )

    def probabilities(rows: Array) -> Array:
        return network.predict(theta, scaler.transform(rows))[:, 0].astype(np.float64)

    validation = ScoredRows(validation_rows.labels, probabilities(validation_rows.rows))
    test_rows = _self_test_rows(schema, train_rows.rows)
    predictor = Predictor(
        name=recipe.name,
        schema=schema,
        scaler=scaler,
        network=network,
        theta=theta,
        operating_points={"default": recipe.threshold},
        train=ScoredRows(train_rows.labels, probabilities(train_rows.rows)),
        validation=validation,
        self_test=SelfTest(test_rows, probabilities(test_rows)),
        facts=_facts(recipe, table, validation),
    )
    return Trained(predictor, history, table)


def _generator(recipe: Recipe) -> Generator:
    seed = recipe.training.seed
    if recipe.training.generator == "legacy":
        return np.random.RandomState(seed)
    return np.random.default_rng(seed)


def _self_test_rows(schema: Schema, rows: Array) -> Array:
    """Made-up rows within the range of the training rows: no patient's values leave with them.

    The last row has every value missing that may be.
    """
    low, high = rows.min(axis=0), rows.max(axis=0)
    made = np.random.default_rng(0).uniform(low, high, (SELF_TEST_ROWS, len(low)))
    integer = [feature.type == "integer" for feature in schema.features]
    made[:, integer] = np.rint(made[:, integer])
    made[-1, [feature.may_be_missing for feature in schema.features]] = np.nan
    return made


def _facts(recipe: Recipe, table: Table, validation: ScoredRows) -> dict[str, Any]:
    told = recipe.model_dump(mode="json", exclude={"description", "intended_use", "limits"})
    told["data"]["file"] = recipe.data.file.name
    return {
        "description": recipe.description,
        "intended_use": recipe.intended_use,
        "limits": list(recipe.limits),
        "recipe": told,
        "data": {
            "file": recipe.data.file.name,
            "rows": len(table.rows) + table.dropped,
            "complete_rows": len(table.rows),
            "positives": int(table.labels.sum()),
        },
        "scores": scores(validation.labels, validation.probabilities),
        "versions": {
            "malignancy": version("malignancy"),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }

"""Examination of a trained model and its table: what a report says beyond metrics."""

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.evaluation.importance import permutation_importance
from model.evaluation.notices import notices, weights_notice
from model.evaluation.subgroups import subgroup_scores
from model.metrics.row_losses import relative_losses
from model.pipelines.baselines import baselines
from model.pipelines.prepare import draw_bags_of
from model.prediction.predictor import Predictor, ScoredRows
from model.training.recipes.recipe import Recipe
from model.training.tables.partitions import Partitions
from model.training.tables.table import Table

MAX_ROWS: Final = 10_000  # of a part; of more, a sample is examined
HARDEST: Final = 10
SCREENING: Final = 4  # members that choose the features whose importance is measured


def examine(recipe: Recipe, parts: Partitions, predictor: Predictor) -> dict[str, Any]:
    """Compare a model with baselines, by feature and by subgroup, and look for faults of its table.

    That needs rows, which an artifact does not keep. It is done on the test rows, or the validation
    rows if there are none. Where out-of-bag predictions validate, these are rows that the model was
    trained on: baselines are then fitted without the rows that they predict, and the importance of
    a feature is that to the trained model.

    Args:
        recipe: The recipe.
        parts: Its rows.
        predictor: The trained model.

    Returns:
        Facts: `notices`, lines of text; `lines` of the validation rows with the largest losses;
        `examination` with the name of the `part`, `baselines`, `importance` and `subgroups`. An
        error leaves out the examination and becomes a notice: the model is worth more.
    """
    validation = _validation_rows(recipe, parts)
    facts: dict[str, Any] = {"notices": [], "lines": _hardest_lines(validation, predictor)}
    try:
        facts["notices"] = _notices(recipe, parts)
        facts["examination"] = _examination(recipe, parts, validation, predictor)
    except Exception as error:  # whatever values a table has, its model is trained
        reason = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
        facts["notices"].append(f"the examination of the model is left out: {reason}")
    return facts


def _notices(recipe: Recipe, parts: Partitions) -> list[str]:
    validation = None if recipe.split.is_out_of_bag else parts.validation
    given = {"train": parts.train, "validation": validation, "test": parts.test}
    known = {name: (each.rows, each.targets) for name, each in given.items() if each is not None}
    return [*notices(recipe.schema, known), *weights_notice(recipe.data.weight)]


def _validation_rows(recipe: Recipe, parts: Partitions) -> Table:
    """Return the rows of `Predictor.validation`."""
    bags = draw_bags_of(recipe, parts) if recipe.split.is_out_of_bag else None
    if bags is None:
        return parts.validation
    return parts.train.take((bags == 0).any(axis=0))


def _examination(
    recipe: Recipe, parts: Partitions, validation: Table, predictor: Predictor
) -> dict[str, Any]:
    part = "validation" if parts.test is None else "test"
    table = validation if parts.test is None else parts.test
    is_trained_on = recipe.split.is_out_of_bag and parts.test is None
    schema, rows = predictor.schema, _sample(len(table.rows))
    table = table.take(rows)
    scored = ScoredRows(*(each[rows] for each in vars(predictor.parts[part]).values()))
    train = None if is_trained_on else parts.train.take(_sample(len(parts.train.rows)))
    served = scored
    if is_trained_on:  # out-of-bag predictions are of other members for each row
        served = replace(scored, predictions=predictor.predict(table.rows).astype(np.float64))
    columns = _columns(predictor, table)
    return {
        "part": part,
        "rows": len(rows),
        "baselines": baselines(schema, train, table, scored),
        "importance": permutation_importance(
            predictor.predict,
            schema.target,
            table.rows,
            served,
            predictor.theta.size,
            _some_members(predictor).predict,
        ),
        "subgroups": subgroup_scores(schema.target, scored, predictor.threshold, columns),
    }


def _some_members(predictor: Predictor) -> Predictor:
    """Return the model with at most `SCREENING` members of its ensemble."""
    theta = predictor.theta
    return predictor if theta.ndim == 1 else replace(predictor, theta=theta[:SCREENING])


def _sample(rows: int) -> Array:
    return np.sort(np.random.default_rng(0).permutation(rows)[:MAX_ROWS])


def _columns(predictor: Predictor, table: Table) -> dict[str, Array]:
    """Return the texts of data.subgroups and of the features with categories, by column."""
    named = (predictor.facts.get("recipe") or {}).get("data", {}).get("subgroups", [])
    columns = {} if table.subgroups is None else dict(zip(named, table.subgroups.T, strict=True))
    for feature, column in zip(predictor.schema.features, table.rows.T, strict=True):
        if feature.type in ("category", "boolean"):
            names = feature.category_levels or ("false", "true")
            texts = ["" if math.isnan(each) else names[int(each)] for each in column.tolist()]
            columns.setdefault(feature.name, np.array(texts))
    return columns


def _hardest_lines(validation: Table, predictor: Predictor) -> list[int]:
    """Return the lines of the validation rows with the largest losses, the largest first."""
    lines, scored = validation.lines, predictor.validation
    if lines is None:
        return []
    losses = relative_losses(predictor.schema.target, scored.targets, scored.predictions)
    return [int(lines[at]) for at in np.argsort(-losses, kind="stable")[:HARDEST]]

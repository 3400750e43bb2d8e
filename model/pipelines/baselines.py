"""Baselines: what a model must beat, the base rate and a linear model of the same features."""

from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.evaluation.intervals import grouped_bootstrap
from model.metrics.row_losses import loss_name, overall_loss, row_losses
from model.network.network import Network
from model.network.tasks import TASKS
from model.prediction.predictor import ScoredRows
from model.prediction.schema import Schema
from model.prediction.target import Binary, MultiClass, Regression, Target
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.draws import by_folds
from model.training.fitting.loop import minimize
from model.training.tables.fit_encoder import fit_encoder, standard_scale
from model.training.tables.table import Table

STEPS: Final = 1000
FOLDS: Final = 5


def baselines(
    schema: Schema, train: Table | None, table: Table, scored: ScoredRows
) -> dict[str, Any]:
    """Compare a model with the base rate (of numbers the mean) and with a linear model.

    Args:
        schema: The features and the target.
        train: The rows that both baselines are fitted on; None fits them by cross-validation of
            `table`, in five folds that keep groups together.
        table: The rows to compare on.
        scored: Their targets, groups, and the model's predictions.

    Returns:
        The name of the `score`, the `model`'s value, and for `prior` and `linear` a `value`, the
        `difference` of the model's value from it, below 0 where the model is better, and the 95 %
        `interval` of the difference, paired by row.
    """
    target, truth, groups = schema.target, scored.targets, scored.groups
    own = row_losses(target, truth, scored.predictions)

    def difference(losses: Array, others: Array) -> dict[str, float]:
        gap = overall_loss(target, losses) - overall_loss(target, others)
        return {"difference": float(gap)}

    found: dict[str, Any] = {"score": loss_name(target), "model": float(overall_loss(target, own))}
    predicted = {name: np.empty_like(scored.predictions) for name in ("prior", "linear")}
    for fitted, held in [(train, np.full(len(truth), True))] if train else _folds(target, table):
        count = int(held.sum())
        predicted["prior"][held] = prior_predictions(target, fitted, count)
        predicted["linear"][held] = linear_predictions(schema, fitted, table.rows[held])
    for name, predictions in predicted.items():
        losses = row_losses(target, truth, predictions)
        ends = grouped_bootstrap(difference, own, losses, groups)["difference"]
        found[name] = {
            "value": float(overall_loss(target, losses)),
            **difference(own, losses),
            "interval": ends and list(ends),
        }
    return found


def _folds(target: Target, table: Table) -> list[tuple[Table, Array]]:
    """Return for each fold the rows of the others, and the mask of its rows."""
    groups = table.group_numbers()
    classes = table.targets[:, 0] if isinstance(target, Binary | MultiClass) else None
    folds = by_folds(min(FOLDS, groups.max() + 1), classes, groups, len(groups), 0)
    return [(table.take(folds != fold), folds == fold) for fold in range(folds.max() + 1)]


def prior_predictions(target: Target, train: Table, rows: int) -> Array:
    """Predict the share of each class or label, or the mean number, for all rows.

    Args:
        target: The kind of target.
        train: The rows that it is fitted on, with their weights.
        rows: B, the number of rows to predict.

    Returns:
        Predictions, `(B, outputs)`.
    """
    truth = train.targets
    if isinstance(target, MultiClass):
        truth = truth == np.arange(len(target.classes))
    return np.tile(np.average(truth, axis=0, weights=train.weights), (rows, 1))


def linear_predictions(schema: Schema, train: Table, rows: Array) -> Array:
    """Predict with a logistic or linear regression: a network without a hidden layer.

    Inputs are scaled to mean 0 and standard deviation 1. The penalty is that of scikit-learn's
    LogisticRegression with C = 1, and of Ridge with alpha = 1: ½ Σw² beside the sum of the losses
    (of numbers, half the squared errors of scaled targets).

    Args:
        schema: The features and the target.
        train: The rows to fit on.
        rows: Raw rows to predict, `(B, F)`.

    Returns:
        Predictions, `(B, outputs)`.
    """
    target, is_regression = schema.target, isinstance(schema.target, Regression)
    encoder = fit_encoder(train.rows, schema, "none", ("",) * len(schema.features))
    given = encoder.expand(train.rows)
    input_scale = standard_scale(given)
    with np.errstate(all="ignore"):  # a column of numbers that are too large becomes zeros
        inputs, requested = (
            np.nan_to_num(input_scale.apply(each), posinf=0, neginf=0)
            for each in (given, encoder.expand(rows))
        )
    targets, scale = train.targets, None
    if is_regression:
        scale = standard_scale(targets)
        targets = scale.apply(targets)
    task = TASKS["regression" if is_regression else target.task]
    outputs = len(target.names)
    network = Network([task.output_layer(outputs)], inputs.shape[1], task.loss)
    averaged = 1 if isinstance(target, MultiClass) else outputs  # the loss is a mean over outputs
    training = Training(
        optimizer="adam",
        learning_rate=0.1,
        schedule="cosine",
        epochs=STEPS,
        l2=(2 if is_regression else 1) / (averaged * len(inputs)),
        report_every=STEPS,
    )
    start = np.zeros(network.layout.size)
    theta = minimize(network, start, training, Rows(inputs, targets, train.weights)).theta
    predictions = network.predict(theta, requested).astype(np.float64)
    predictions = predictions if scale is None else scale.undo(predictions)
    is_positive = target.task == "non_negative"
    return np.maximum(predictions, 0) if is_positive else predictions

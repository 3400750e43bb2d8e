"""Permutation importance: how much the loss grows when one feature's values change places."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.evaluation.intervals import grouped_bootstrap
from model.metrics.row_losses import overall_loss, row_losses
from model.prediction.predictor import ScoredRows
from model.prediction.target import Target

MAX_FEATURES: Final = 30
REPEATS: Final = 5
MAX_ROWS: Final = 1000
MIN_ROWS: Final = 100
WORK: Final = 10**9  # multiplications of one pass over the features, which limits its rows

Predict = Callable[[Array], Array]


def permutation_importance(
    predict: Predict,
    target: Target,
    rows: Array,
    scored: ScoredRows,
    parameters: int,
    screen: Predict | None = None,
) -> dict[str, Any]:
    """Permute each feature's values among the rows, and return the growth of the loss.

    Of more than 30 features, those are measured whose first permutation in a sample of the rows
    costs most. A feature that another one can stand in for has a small importance.

    Source: Breiman, "Random forests", 2001, §10; Fisher, Rudin and Dominici 2019,
    https://jmlr.org/papers/v20/18-760.html

    Args:
        predict: Predicts raw rows `(B, F)`, as the service does.
        target: The kind of target.
        rows: Raw rows that the model was not trained on, `(B, F)`.
        scored: Their targets, predictions and groups.
        parameters: Number of the model's parameters, which says how many rows can be afforded.
        screen: Predicts like `predict`, less exactly and in less time, for the choice among more
            than 30 features.

    Returns:
        `rows`, the number of rows; `repeats`, permutations of each feature; and `features`, the
        most important first: each with its `index`, the `value`, and the 95 % `interval` from a
        bootstrap of the rows, or of their groups.
    """
    generator = np.random.default_rng(0)
    features = list(range(rows.shape[1]))
    if len(features) > MAX_FEATURES:
        sample = _sample(generator, len(rows), WORK // (len(features) * parameters))
        found = _permuted_losses(
            screen or predict, target, rows, scored, sample, features, generator
        )
        growth = overall_loss(target, found)
        features = sorted(np.argsort(-growth, kind="stable")[:MAX_FEATURES].tolist())
    work = len(features) * REPEATS * parameters
    sample = _sample(generator, len(rows), WORK // work)
    repeated = [
        _permuted_losses(predict, target, rows, scored, sample, features, generator)
        for _ in range(REPEATS)
    ]
    permuted = np.mean(repeated, axis=0)
    losses = row_losses(target, scored.targets[sample], scored.predictions[sample])

    def growth_of(base: Array, others: Array) -> dict[str, Array]:
        return {"growth": overall_loss(target, others) - overall_loss(target, base)}

    value = growth_of(losses, permuted)["growth"]
    ends = grouped_bootstrap(growth_of, losses, permuted, scored.groups[sample])["growth"]
    measured: list[dict[str, Any]] = [
        {
            "index": feature,
            "value": float(value[at]),
            "interval": None if ends is None else [float(ends[0][at]), float(ends[1][at])],
        }
        for at, feature in enumerate(features)
    ]
    measured.sort(key=lambda each: -each["value"])
    return {"rows": len(sample), "repeats": REPEATS, "features": measured}


def _sample(generator: np.random.Generator, rows: int, affordable: int) -> Array:
    size = min(rows, MAX_ROWS, max(MIN_ROWS, affordable))
    return np.sort(generator.permutation(rows)[:size])


def _permuted_losses(
    predict: Predict,
    target: Target,
    rows: Array,
    scored: ScoredRows,
    sample: Array,
    features: list[int],
    generator: np.random.Generator,
) -> Array:
    """Return the losses of a sample of rows with one feature permuted, `(B, features)`."""
    chosen, truth = rows[sample], scored.targets[sample]
    losses = np.empty((len(chosen), len(features)))
    for at, feature in enumerate(features):
        changed = chosen.copy()
        changed[:, feature] = generator.permutation(changed[:, feature])
        losses[:, at] = row_losses(target, truth, predict(changed))
    return losses

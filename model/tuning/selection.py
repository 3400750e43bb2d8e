"""Selection of a trial by cross-validation, and the loss of the selection itself.

The lowest of many cross-validated losses is too low: some trial was lucky. So the choice is made
once for each fold, by the losses of the other folds, and the loss of what was chosen is taken on
the fold that had no say. The mean of these losses is never below that of the best trial.

What that does not correct: the search proposes settings that did well on all folds, so the trials
are a little adapted to each; and the models compared on a fold were trained on the others.

Source: Tibshirani and Tibshirani, "A bias correction for the minimum error rate in
cross-validation", 2009, https://doi.org/10.1214/08-AOAS224; Tsamardinos et al., "Bootstrapping the
out-of-sample predictions for efficient and accurate cross-validation", 2018,
https://doi.org/10.1007/s10994-018-5714-4
"""

import numpy as np

from model.arrays import Array


def best_trial(losses: Array, weights: Array) -> int:
    """Return the index of the trial with the lowest mean loss; the first of several.

    Args:
        losses: Loss of each row by trial, `(trials, N)`.
        weights: Weight of each row, `(N,)`.
    """
    return int((losses @ weights).argmin())


def select_without_fold(losses: Array, folds: Array, weights: Array) -> tuple[Array, Array]:
    """Choose a trial for each fold by the losses of the other folds.

    Args:
        losses: Loss of each row by trial, `(trials, N)`.
        folds: Fold of each row, from 0, `(N,)`.
        weights: Weight of each row, `(N,)`.

    Returns:
        The chosen trial of each fold, `(folds,)`, and each row's loss by the trial that was chosen
        for its fold, `(N,)`.
    """
    held = np.arange(int(folds.max()) + 1)[:, None] == folds
    chosen = np.array([best_trial(losses, np.where(mask, 0.0, weights)) for mask in held])
    return chosen, losses[chosen[folds], np.arange(losses.shape[1])]

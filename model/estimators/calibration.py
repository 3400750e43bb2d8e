"""Calibration of a classifier on the out-of-bag predictions of its bagged members."""

import numpy as np

from model.arrays import Array
from model.network.network import Network
from model.prediction.calibration import Calibration
from model.training.bagging import out_of_bag
from model.training.batches.rows import Rows
from model.training.decisions.calibrate import choose_calibration


def calibrate(
    network: Network, theta: Array, rows: Rows, task: str, groups: Array, seed: int
) -> Calibration | None:
    """Choose a calibration as recipes do; None if it would not lower the log-loss.

    Args:
        network: The network.
        theta: Parameters `(K, P)`.
        rows: The training rows, with bags.
        task: "binary", "multi_class" or "multi_label".
        groups: Group numbers of the rows, `(N,)`; a group's rows share a fold.
        seed: Seed of the folds.
    """
    targets, bags = np.asarray(rows.targets), np.asarray(rows.bags)
    means, known = out_of_bag(network.predict(theta, rows.inputs).astype(np.float64), bags)
    if not known.any():
        return None
    outcomes = targets.reshape(len(targets), -1) > 0
    if task == "multi_class":
        outcomes = targets[:, np.newaxis] == np.arange(network.outputs)
    weights = None if rows.weights is None else np.asarray(rows.weights)[known]
    calibration, _ = choose_calibration(
        task, outcomes[known], means[known], groups[known], seed, weights
    )
    return calibration

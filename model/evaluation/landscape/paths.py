"""Paths of trainings on a loss landscape, and landscapes with and without skip connections."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.evaluation.landscape.surface import (
    Landscape,
    landscape,
    losses_at,
    path_directions,
    project,
    random_directions,
)
from model.network.layers import Dense, Residual
from model.network.losses import Loss
from model.network.network import Network
from model.network.validation import require_count
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.loop import DivergedError, minimize

MARGIN = 0.2  # around paths, relative to their extent
MAX_POINTS = 150  # of a path, by default; the loss of all rows is computed at each
MAX_LOSS_RATIO = 100  # to the initial loss; a path is cut off above it


@dataclass(frozen=True, eq=False)
class Paths:
    """Trainings on one landscape.

    Attributes:
        landscape: The loss on the plane.
        paths: Coordinates in the plane by name, `(T, 2)`.
        losses: Losses by name, `(T,)`, at the parameters themselves, which may be off the plane.
        shares: Shares of the squared distances along each direction, `(2,)`; see
            `path_directions`.
    """

    landscape: Landscape
    paths: dict[str, Array]
    losses: dict[str, Array]
    shares: Array


def record_path(
    network: Network, theta: Array, training: Training, rows: Rows, *, every: int = 1
) -> Array:
    """Record the parameters during a training, up to the step where it diverges, if it does.

    Args:
        network: The network.
        theta: Initial parameters, `(P,)`.
        training: Configuration of the training.
        rows: Training rows.
        every: Number of steps between records.

    Returns:
        Parameters at the start, after every `every` steps, and at the end, `(T, P)`.
    """
    require_count("every", every)
    thetas, steps = [theta.copy()], 0
    last = theta.copy()

    def trace(now: Array) -> None:
        nonlocal steps
        steps += 1
        if steps % every == 0:
            thetas.append(now.copy())
        np.copyto(last, now)

    with suppress(DivergedError):
        minimize(network, theta, training, rows, trace=trace)
    path = np.stack([*thetas, *[last] * (steps % every > 0)])
    return path[np.logical_and.accumulate(np.isfinite(path).all(axis=1))]


def usual_trainings(rate: float = 0.1, *, epochs: int = 30) -> dict[str, Training]:
    """Return trainings that introductions compare, by name.

    Args:
        rate: Learning rate of plain gradient descent.
        epochs: Number of epochs.
    """
    configurations: dict[str, tuple[str, float, str | None]] = {
        "SGD, rate too large": ("gradient_descent", 40, None),
        "SGD, annealed rate": ("gradient_descent", 10, "cosine"),
        "SGD": ("gradient_descent", 1, None),
        "SGD with momentum": ("momentum", 1, None),
        "Adam": ("adam", 0.2, None),
    }
    common: dict[str, Any] = {"epochs": epochs, "batch_size": 32, "report_every": epochs}
    return {
        name: Training(
            optimizer=optimizer, learning_rate=factor * rate, schedule=schedule, **common
        )
        for name, (optimizer, factor, schedule) in configurations.items()
    }


def optimizer_paths(
    network: Network,
    theta: Array,
    rows: npt.ArrayLike,
    targets: npt.ArrayLike,
    trainings: Mapping[str, Training] | None = None,
    *,
    every: int | None = None,
    points: int = 51,
) -> Paths:
    """Run trainings from the same parameters, and compute the landscape around their paths.

    The plane is that of `path_directions`, through the end with the lowest loss. A path is cut off
    where its loss exceeds 100 times the initial loss, so that a divergent path does not hide the
    others.

    Args:
        network: The network.
        theta: Initial parameters, `(P,)`.
        rows: Training rows, `(N, features)`.
        targets: Their targets.
        trainings: Trainings by name; by default `usual_trainings`.
        every: Number of steps between records of a path; by default as many as keep about 150 of
            each path.
        points: Points of the landscape along each axis.
    """
    paths = {
        name: record_path(
            network,
            theta,
            training,
            Rows(rows, targets),
            every=every or _steps(training, len(np.asarray(targets))) // MAX_POINTS + 1,
        )
        for name, training in (trainings or usual_trainings()).items()
    }
    x, y = as_matrix("rows", rows, network.inputs, network.dtype), np.asarray(targets)
    losses = {name: losses_at(network, len(p), p.__getitem__, x, y) for name, p in paths.items()}
    for name, loss in losses.items():
        too_high = np.append(~(loss <= MAX_LOSS_RATIO * loss[0]), True)
        kept = max(int(too_high.argmax()), 1)
        paths[name], losses[name] = paths[name][:kept], loss[:kept]
    at = paths[min(losses, key=lambda name: float(losses[name][-1]))][-1]
    d1, d2, shares = path_directions(np.concatenate(list(paths.values())), at)
    places = {name: project(path, at, d1, d2) for name, path in paths.items()}
    coordinates = np.concatenate(list(places.values()))
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    margin = MARGIN * (high - low)
    span = np.column_stack([low - margin, high + margin]).tolist()
    plane = landscape(network, at, d1, d2, rows, targets, span=span, points=points)
    return Paths(plane, places, losses, shares)


def _steps(training: Training, rows: int) -> int:
    """Return the number of steps of a training."""
    size = rows if isinstance(training.batch_size, str) else training.batch_size
    return training.epochs * -(-rows // size)


def skip_comparison(
    rows: npt.ArrayLike,
    targets: npt.ArrayLike,
    training: Training | None = None,
    *,
    outputs: int = 1,
    loss: str | Loss = "binary_cross_entropy",
    depth: int = 20,
    units: int = 16,
    activation: str = "tanh",
    points: int = 41,
) -> dict[str, Landscape]:
    """Train two networks that differ by skip connections only, and compute both landscapes.

    Both have `depth` hidden layers f; one computes x ← f(x), the other x ← x + f(x). Number and
    initial values of the parameters, training steps and random directions are equal.

    Args:
        rows: Training rows, `(N, features)`.
        targets: Their targets.
        training: Configuration of the trainings; by default Adam for 60 epochs.
        outputs: Number of outputs.
        loss: The loss.
        depth: Number of hidden layers.
        units: Units of each hidden layer.
        activation: Activation of the hidden layers.
        points: Points of each landscape along each axis.

    Returns:
        The landscapes "without skips" and "with skips".

    Source: Li et al. 2018, §5.
    """
    x = np.asarray(rows)
    how = training or Training(optimizer="adam", learning_rate=0.002, epochs=60, batch_size=32)
    hidden = Dense(units, activation)
    landscapes = {}
    for name, layer in (("without skips", hidden), ("with skips", Residual([hidden]))):
        network = Network([hidden, *[layer] * (depth - 1), Dense(outputs)], x.shape[1], loss)
        theta = network.initial_parameters(how.initial_generator())
        end = minimize(network, theta, how, Rows(x, targets)).theta
        d1, d2 = random_directions(network, end, np.random.default_rng(how.seed))
        landscapes[name] = landscape(network, end, d1, d2, x, targets, points=points)
    return landscapes

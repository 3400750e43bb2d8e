"""The ways that trainings take over a loss landscape, and what skip connections do to it."""

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

MARGIN = 0.2  # around paths, of their width
FAR = 100  # times the loss at the start: out of the picture


@dataclass(frozen=True, eq=False)
class Paths:
    """Trainings on one landscape. paths: name → (T, 2), places in the plane.

    losses: name → (T,), at the weights themselves, which need not lie in the plane.
    shares (2,): see `path_directions`.
    """

    landscape: Landscape
    paths: dict[str, Array]
    losses: dict[str, Array]
    shares: Array


def record_path(
    network: Network, theta: Array, training: Training, rows: Rows, *, every: int = 1
) -> Array:
    """θ (T, P) as `minimize` changes it: at the start, after every so many steps, and at the end.

    Of a training that diverges, the part before.
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
    """What introductions compare: descent at a rate, at one too large for it, and better ways."""
    ways: dict[str, tuple[str, float, str | None]] = {
        "SGD, rate too large": ("gradient_descent", 40, None),
        "SGD, annealed rate": ("gradient_descent", 10, "cosine"),
        "SGD": ("gradient_descent", 1, None),
        "SGD with momentum": ("momentum", 1, None),
        "Adam": ("adam", 0.2, None),
    }
    same: dict[str, Any] = {"epochs": epochs, "batch_size": 32, "report_every": epochs}
    return {
        name: Training(optimizer=which, learning_rate=factor * rate, schedule=schedule, **same)
        for name, (which, factor, schedule) in ways.items()
    }


def optimizer_paths(
    network: Network,
    theta: Array,
    rows: npt.ArrayLike,
    targets: npt.ArrayLike,
    trainings: Mapping[str, Training] | None = None,
    *,
    every: int = 1,
    points: int = 51,
) -> Paths:
    """Trainings from one θ (P,), by default `usual_trainings`, on the plane of all their paths.

    The plane is that of `path_directions`, through the end that has the lowest loss. A path is cut
    off where its loss is above 100 × the first, so that one that diverges leaves room for others.
    """
    paths = {
        name: record_path(network, theta, training, Rows(rows, targets), every=every)
        for name, training in (trainings or usual_trainings()).items()
    }
    x, y = as_matrix("rows", rows, network.inputs, network.dtype), np.asarray(targets)
    losses = {name: losses_at(network, len(p), p.__getitem__, x, y) for name, p in paths.items()}
    for name, loss in losses.items():
        far = np.append(~(loss <= FAR * loss[0]), True)
        kept = max(int(far.argmax()), 1)
        paths[name], losses[name] = paths[name][:kept], loss[:kept]
    at = paths[min(losses, key=lambda name: float(losses[name][-1]))][-1]
    d1, d2, shares = path_directions(np.concatenate(list(paths.values())), at)
    places = {name: project(path, at, d1, d2) for name, path in paths.items()}
    every_place = np.concatenate(list(places.values()))
    low, high = every_place.min(axis=0), every_place.max(axis=0)
    room = MARGIN * (high - low)
    span = np.column_stack([low - room, high + room]).tolist()
    plane = landscape(network, at, d1, d2, rows, targets, span=span, points=points)
    return Paths(plane, places, losses, shares)


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
    """Two networks that differ by skip connections only, trained, each in its own surroundings.

    Both have `depth` hidden layers f, one as x ← f(x), the other as x ← x + f(x): the parameters
    are the same, and so are θ at the start, the steps and the draws of directions (§5).
    """
    x = np.asarray(rows)
    how = training or Training(optimizer="adam", learning_rate=0.002, epochs=60, batch_size=32)
    hidden = Dense(units, activation)
    found = {}
    for name, each in (("without skips", hidden), ("with skips", Residual([hidden]))):
        network = Network([hidden, *[each] * (depth - 1), Dense(outputs)], x.shape[1], loss)
        theta = network.initial_parameters(how.initial_generator())
        end = minimize(network, theta, how, Rows(x, targets)).theta
        d1, d2 = random_directions(network, end, np.random.default_rng(how.seed))
        found[name] = landscape(network, end, d1, d2, x, targets, points=points)
    return found

"""Paths on loss landscapes, and plots of ordinary and degenerate landscapes."""

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.image import imread

from model.arrays import Array
from model.errors import NetworkError
from model.evaluation.landscape.paths import (
    optimizer_paths,
    record_path,
    skip_comparison,
    usual_trainings,
)
from model.evaluation.landscape.surface import Landscape
from model.evaluation.plots.landscape import contour, levels_of, side_by_side, surface
from model.network.layers import Dense, LayerNormalization
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.loop import minimize

LINEAR = Network([Dense(1)], inputs=3, loss="mean_squared_error")


def table(rows: int = 40, features: int = 3, seed: int = 0) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((rows, features))
    return x, (x.sum(axis=1) + generator.standard_normal(rows) > 0).astype(float)[:, None]


def small(dtype: str = "float64") -> tuple[Network, Array]:
    network = Network([Dense(6, "tanh"), LayerNormalization(), Dense(1)], inputs=3, dtype=dtype)
    return network, network.initial_parameters(np.random.default_rng(1))


# Paths


@pytest.mark.parametrize("every", [1, 3, 4, 100])
def test_path_equals_the_ends_of_shorter_trainings(every: int) -> None:
    network, theta = small()
    x, y = table()
    how = Training(optimizer="adam", epochs=4, batch_size=16, seed=3)  # 3 steps an epoch
    path = record_path(network, theta, how, Rows(x, y), every=every)
    steps = sorted({*range(0, 12, every), 12})
    assert len(path) == len(steps)
    assert (path[0] == theta).all()
    for place, step in zip(path, steps, strict=True):
        if step and step % 3 == 0:
            shorter = dataclasses.replace(how, epochs=step // 3)
            assert (place == minimize(network, theta, shorter, Rows(x, y)).theta).all()


def test_recording_does_not_change_the_training() -> None:
    network, theta = small()
    how = Training(optimizer="momentum", learning_rate=0.1, epochs=9, schedule="one_cycle")
    before, start = how.describe(), theta.copy()
    record_path(network, theta, how, Rows(*table()))
    assert how.describe() == before
    assert (theta == start).all()


def test_path_ends_where_the_training_diverges() -> None:
    x, y = table()
    how = Training(optimizer="gradient_descent", learning_rate=1e6, epochs=200)
    path = record_path(LINEAR, np.zeros(4), how, Rows(x, y))
    assert 2 < len(path) < 100
    assert np.isfinite(path).all()


def test_invalid_interval() -> None:
    with pytest.raises(NetworkError, match="every must be a positive integer, got 0"):
        record_path(*small(), Training(optimizer="adam", epochs=1), Rows(*table()), every=0)


def test_optimizers_share_start_and_landscape() -> None:
    network, theta = small()
    x, y = table(60)
    found = optimizer_paths(network, theta, x, y, usual_trainings(epochs=5), points=9)
    assert list(found.paths) == list(usual_trainings())
    starts = np.stack([path[0] for path in found.paths.values()])
    assert starts == pytest.approx(np.tile(starts[0], (5, 1)), abs=1e-12)
    first = float(network.loss_of(theta, x, y))
    for name, losses in found.losses.items():
        assert len(losses) == len(found.paths[name]) == 11
        assert losses[0] == pytest.approx(first)
    lowest = min(found.losses, key=lambda name: found.losses[name][-1])
    assert found.paths[lowest][-1] == pytest.approx([0, 0], abs=1e-12)
    at_zero = float(network.loss_of(found.landscape.theta, x, y))
    assert at_zero == pytest.approx(found.losses[lowest][-1])
    places = np.concatenate(list(found.paths.values()))
    for axis, values in enumerate((found.landscape.a, found.landscape.b)):
        assert values[0] < places[:, axis].min() < places[:, axis].max() < values[-1]
    assert 0.5 < found.shares.sum() <= 1 + 1e-12


def test_divergent_path_is_cut_off() -> None:
    x, y = table()
    trainings = {
        name: Training(optimizer=optimizer, learning_rate=rate, epochs=60)
        for name, optimizer, rate in (
            ("good", "gradient_descent", 0.1),
            ("wild", "gradient_descent", 1.2),
            ("adam", "adam", 0.05),
            ("wilder", "gradient_descent", 1e200),
        )
    }
    found = optimizer_paths(LINEAR, np.zeros(4), x, y, trainings, points=5)
    assert len(found.paths["good"]) == len(found.paths["adam"]) == 61
    assert 1 < len(found.paths["wild"]) < 20
    assert len(found.paths["wilder"]) == 1
    assert max(losses.max() for losses in found.losses.values()) < 100
    assert np.isfinite(found.landscape.loss).all()


def test_networks_with_and_without_skips_start_equal() -> None:
    x, y = table()
    how = Training(optimizer="gradient_descent", learning_rate=1e-9, epochs=1)
    found = skip_comparison(x, y, how, depth=3, units=4, points=3)
    without, with_skips = found["without skips"], found["with skips"]
    assert list(found) == ["without skips", "with skips"]
    assert without.theta == pytest.approx(with_skips.theta, abs=1e-6)
    assert np.stack(without.directions) == pytest.approx(np.stack(with_skips.directions), abs=1e-6)
    theta, h = without.theta, x
    views = [theta[:16], theta[16:36], theta[36:56], theta[56:]]
    for number, view in enumerate(views[:3]):
        block = view.reshape(4, -1)
        f = np.tanh(h @ block[:, :-1].T + block[:, -1])
        h = f + h if number else f
    z = h @ views[3][:-1] + views[3][-1]
    expected = np.log1p(np.exp(-np.where(y[:, 0] > 0, z, -z))).mean()
    assert with_skips.loss[1, 1] == pytest.approx(expected, rel=1e-6)
    assert abs(without.loss[1, 1] - expected) > 1e-4


# Plots


def bowl(points: int = 15) -> Landscape:
    a, b = np.linspace(-1, 1, points), np.linspace(-2, 2, points)
    loss = 0.1 + a**2 + (b**2)[:, None]
    return Landscape(a, b, loss, np.zeros(2), (np.eye(2)[0], np.eye(2)[1]))


def changed(value: float, where: Any = ...) -> Landscape:
    found = bowl()
    found.loss[where] = value
    return found


PATHS = {
    "down": np.array([[0.9, 1.8], [0.4, 0.5], [0.0, 0.0]]),
    "astray": np.array([[0.9, 1.8], [2.5, 0.5], [-3.0, -9.0]]),
    "one place": np.array([[0.9, 1.8]]),
    "nowhere": np.array([[np.nan, 0.0], [0.1, 0.1]]),
}
ODD = [
    bowl(),
    bowl(2),
    changed(np.inf, np.s_[:, :4]),
    changed(np.nan, np.s_[5:9, 5:9]),
    changed(np.nan),
    changed(np.inf),
    changed(0.0),
    changed(0.7),
    changed(0.0, np.s_[7]),
    changed(1e300, np.s_[0]),
    changed(1e-300, np.s_[0]),
]


def size(png: bytes) -> tuple[int, ...]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    image = imread(io.BytesIO(png))
    assert np.ptp(image[..., 0]) > 0.5
    return image.shape


@pytest.mark.parametrize("each", ODD)
def test_degenerate_landscapes_can_be_drawn(each: Landscape) -> None:
    given = each.loss.copy()
    assert size(contour(each, PATHS, shares=np.array([0.7, 0.2]))) == (660, 960, 4)
    assert size(surface(each, PATHS)) == (720, 960, 4)
    np.testing.assert_array_equal(each.loss, given)


def test_plots_without_paths_and_side_by_side() -> None:
    size(contour(bowl()))
    size(surface(bowl()))
    assert size(side_by_side({"one": bowl(), "two": ODD[3]}, title="both")) == (1020, 1200, 4)
    assert pyplot.get_fignums() == []


def in_colour(png: bytes, colour: tuple[int, int, int]) -> Array:
    """Return the positions of a colour, (n, 2), down and across, relative to the size."""
    image = imread(io.BytesIO(png))[..., :3]
    hits = np.argwhere((np.abs(image * 255 - colour) < 3).all(axis=-1))
    return hits / image.shape[:2]


def test_path_is_drawn_at_its_coordinates() -> None:
    blue = (0x44, 0x77, 0xAA)
    up, down = (
        in_colour(contour(bowl(), {"": np.array([[0.0, b], [0.5, b]])}), blue) for b in (1.5, -1.5)
    )
    in_legend = 0.88
    assert up[up[:, 0] < in_legend, 0].mean() < 0.4 < 0.5
    assert down[down[:, 0] < in_legend, 0].mean() > 0.5


def test_levels() -> None:
    levels = levels_of([bowl()])
    assert levels[[0, -1]] == pytest.approx([0.1, 5.1])
    assert np.diff(np.log(levels)) == pytest.approx(np.log(51) / 23)
    wide = bowl()
    wide.loss[0, :2] = 1e-30, 1e30
    middle = float(np.median(wide.loss))
    assert levels_of([wide])[[0, -1]] == pytest.approx([middle / 1e5, middle])
    assert levels_of([bowl(), changed(40.0)])[-1] == pytest.approx(40)
    assert (np.diff(levels_of([changed(0.7)])) > 0).all()
    assert (np.diff(levels_of([changed(np.nan)])) > 0).all()

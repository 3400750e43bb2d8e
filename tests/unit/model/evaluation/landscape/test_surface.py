"""Loss landscapes against known values, Hessians and NumPy's SVD."""

from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import NetworkError
from model.evaluation.landscape import surface as module
from model.evaluation.landscape.surface import (
    landscape,
    path_directions,
    project,
    random_directions,
)
from model.network.layers import Conv1D, Dense, Flatten, LayerNormalization, Residual
from model.network.network import Network

LINEAR = Network([Dense(1)], inputs=3, loss="mean_squared_error")


def table(rows: int = 40, features: int = 3, seed: int = 0) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((rows, features))
    return x, (x.sum(axis=1) + generator.standard_normal(rows) > 0).astype(float)[:, None]


def small(dtype: str = "float64") -> tuple[Network, Array]:
    network = Network([Dense(6, "tanh"), LayerNormalization(), Dense(1)], inputs=3, dtype=dtype)
    return network, network.initial_parameters(np.random.default_rng(1))


def pair(size: int, seed: int = 2) -> tuple[Array, Array]:
    d = np.random.default_rng(seed).standard_normal((2, size))
    return d[0], d[1]


# Directions


def test_random_directions_are_filter_normalized() -> None:
    layers = [
        Conv1D(4, 3, activation="relu"),
        Flatten(),
        Residual([Dense(16, "relu")]),
        LayerNormalization(),
        Dense(2),
    ]
    network = Network(layers, inputs=6, loss="mean_squared_error")
    theta = network.initial_parameters(np.random.default_rng(0))
    theta += 0.1  # no bias is 0
    directions = random_directions(network, theta, np.random.default_rng(3))
    for d in directions:
        views = zip(network.layout.views(d), network.layout.views(theta), strict=True)
        for block, (of_d, of_theta) in zip(network.layout.blocks, views, strict=True):
            assert (of_d[:, -1] == 0).all()
            if not block.penalized:
                assert (of_d == 0).all()
                continue
            for unit, weights in zip(of_d, of_theta, strict=True):
                norm = np.sqrt(sum(w * w for w in weights[:-1]))
                assert np.sqrt(sum(w * w for w in unit)) == pytest.approx(norm, rel=1e-12)
    first, second = directions
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    assert 0 < abs(cosine) < 0.3  # drawn independently
    again = random_directions(network, theta, np.random.default_rng(3))
    assert (np.stack(again) == np.stack(directions)).all()


def test_random_directions_are_scaled_normal_draws() -> None:
    network, theta = small()
    d = random_directions(network, theta, np.random.default_rng(5))[0]
    drawn = np.random.default_rng(5).standard_normal((2, network.layout.size))[0][:3]
    expected = drawn / np.linalg.norm(drawn) * np.linalg.norm(theta[:3])
    assert d[:3] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("steps", "size"), [(5, 40), (40, 5), (7, 7), (2, 9)])
def test_principal_components_equal_those_of_the_svd(steps: int, size: int) -> None:
    generator = np.random.default_rng(steps)
    path = np.cumsum(generator.standard_normal((steps, size)), axis=0) + 3
    path[-1] += size == 9  # two points, and `at` is neither
    at = path[-1] if steps > 2 else np.zeros(size)
    d1, d2, shares = path_directions(path, at)
    _, values, right = np.linalg.svd(path - at, full_matrices=False)
    for d, expected in ((d1, right[0]), (d2, right[1])):
        assert abs(d @ expected) == pytest.approx(1, rel=1e-12)
        assert d @ (path[0] - at) >= 0
    assert np.stack([d1, d2]) @ np.stack([d1, d2]).T == pytest.approx(np.eye(2), abs=1e-12)
    assert shares == pytest.approx(values[:2] ** 2 / (values**2).sum(), rel=1e-10)


@pytest.mark.parametrize("factor", [1e-200, 1e-5, 1e200])
def test_components_of_very_different_lengths(factor: float) -> None:
    generator = np.random.default_rng(0)
    basis, _ = np.linalg.qr(generator.standard_normal((30, 2)))
    places = generator.standard_normal((12, 2)) * [1, 1e-5]
    d1, d2, shares = path_directions(factor * places @ basis.T, np.zeros(30))
    _, _, right = np.linalg.svd(places @ basis.T, full_matrices=False)
    assert abs(d1 @ right[0]) == pytest.approx(1, abs=1e-12)
    assert abs(d2 @ right[1]) == pytest.approx(1, abs=1e-9)
    assert abs(d1 @ d2) < 1e-12
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "path",
    [
        np.outer(np.arange(5), np.arange(4)),
        np.zeros((3, 4)),
        np.ones((1, 4)),
        np.ones((6, 1)) * np.arange(6)[:, None],
        np.full((3, 4), np.nan),
    ],
)
def test_path_without_a_plane_is_rejected(path: Array) -> None:
    with pytest.raises(NetworkError, match="path must"):
        path_directions(path, np.zeros(path.shape[1]))


def test_projection_recovers_coordinates() -> None:
    d1, d2 = pair(20)
    at, places = np.arange(20.0), np.random.default_rng(1).standard_normal((9, 2))
    path = at + places @ np.stack([d1, d2])
    assert project(path, at, d1, d2) == pytest.approx(places, abs=1e-12)
    normals = np.linalg.svd(np.stack([d1, d2]))[2][2:]
    off_plane = path + np.random.default_rng(2).standard_normal((9, 18)) @ normals
    assert project(off_plane, at, d1, d2) == pytest.approx(places, abs=1e-12)


# The landscape


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_landscape_equals_the_loss_at_each_point(dtype: str) -> None:
    network, theta = small(dtype)
    x, y = table()
    d1, d2 = random_directions(network, theta, np.random.default_rng(0))
    given = theta.copy()
    found = landscape(network, theta, d1, d2, x, y, span=((-1, 1), (0, 3)), points=5)
    assert found.a.tolist() == [-1, -0.5, 0, 0.5, 1]
    assert found.b.tolist() == [0, 0.75, 1.5, 2.25, 3]
    tolerance = 1e-12 if dtype == "float64" else 1e-6
    assert found.loss[0, 2] == pytest.approx(float(network.loss_of(theta, x, y)), rel=tolerance)
    for row, b in enumerate(found.b):
        for column, a in enumerate(found.a):
            point = (theta + a * d1 + b * d2).astype(dtype)
            loss = float(network.loss_of(point, x, y))
            assert found.loss[row, column] == pytest.approx(loss, rel=tolerance)
    assert (theta == given).all()
    assert (found.theta == given).all()


def test_landscape_with_known_values() -> None:
    network = Network([Dense(1)], inputs=1)
    found = landscape(
        network,
        np.array([1.0, 0.0]),
        np.array([2.0, 0.0]),
        np.array([0.0, 1.0]),
        [[1.0], [2.0]],
        [1, 0],
        span=((0, 1), (0, 0.5)),
        points=2,
    )
    w, b = 1 + 1 * 2, 0 + 0.5 * 1
    one, zero = 1 / (1 + np.exp(-(w * 1 + b))), 1 / (1 + np.exp(-(w * 2 + b)))
    assert found.loss[1, 1] == pytest.approx(-(np.log(one) + np.log(1 - zero)) / 2)


def test_members_and_chunks_do_not_change_the_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, theta = small()
    x, y = table()
    d1, d2 = pair(len(theta))
    expected = landscape(network, theta, d1, d2, x, y, points=7, members=1).loss
    for members in (None, 2, 48, 49, 1000):
        found = landscape(network, theta, d1, d2, x, y, points=7, members=members).loss
        assert found == pytest.approx(expected, rel=1e-12)
    monkeypatch.setattr(module, "CHUNK_ROWS", 13)
    chunked = landscape(network, theta, d1, d2, x, y, points=7).loss
    assert chunked == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("rows", "max_members"), [(40, 2**18 // (40 * 16 + 43)), (10**4, 2)])
def test_memory_is_bounded(rows: int, max_members: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, theta = small()
    seen: list[tuple[int, int]] = []

    def loss_of(thetas: Array, x: Array, _: Array) -> Array:
        seen.append((len(thetas), len(x)))
        return np.zeros(len(thetas))

    monkeypatch.setattr(network, "loss_of", loss_of)
    x, y = table(rows)
    landscape(network, theta, *pair(len(theta)), x, y, points=21)
    assert max(members for members, _ in seen) <= max_members
    assert max(size for _, size in seen) <= 8192
    assert sum(members * size for members, size in seen) == 21 * 21 * rows


def test_landscape_of_a_linear_network_follows_its_hessian() -> None:
    x, _ = table()
    y = x @ [[1.0], [-2.0], [0.5]] + 1
    ones = np.column_stack([x, np.ones(len(x))])
    hessian = 2 * ones.T @ ones / len(x)
    best = np.array([1.0, -2.0, 0.5, 1.0])
    d1, d2 = pair(4)
    found = landscape(LINEAR, best, d1, d2, x, y, span=2, points=9)
    a, b = np.meshgrid(found.a, found.b)
    expected = (
        a * a * (d1 @ hessian @ d1) + 2 * a * b * (d1 @ hessian @ d2) + b * b * (d2 @ hessian @ d2)
    ) / 2
    assert found.loss == pytest.approx(expected, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_non_finite_losses_are_kept(dtype: str) -> None:
    network = Network([Dense(1)], inputs=3, loss="mean_squared_error", dtype=dtype)
    x, y = table()
    theta = np.zeros(4, dtype)
    large = 1e300 * np.ones(4)
    found = landscape(network, theta, large, np.ones(4), x, y, span=1e9, points=3)
    finite = np.isfinite(found.loss)
    assert finite[1, 1]
    assert not finite[:, [0, 2]].any()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"theta": np.zeros((2, 4))}, r"theta must have shape \(4,\), got \(2, 4\)"),
        ({"points": 1}, "points must be an integer from 2 to 10000, got 1"),
        ({"members": 0}, "members must be a positive integer, got 0"),
        ({"targets": np.zeros(3)}, "as many as"),
        ({"rows": np.zeros((40, 2))}, r"rows must have shape \(rows, 3\)"),
    ],
)
def test_invalid_arguments(given: dict[str, Any], why: str) -> None:
    x, y = table()
    d1, d2 = pair(4)
    values: dict[str, Any] = {"theta": np.zeros(4), "d1": d1, "d2": d2, "rows": x, "targets": y}
    with pytest.raises(NetworkError, match=why):
        landscape(LINEAR, **{**values, **given})


def test_random_directions_reject_an_ensemble() -> None:
    with pytest.raises(NetworkError, match=r"theta must have shape \(4,\), got \(2, 4\)"):
        random_directions(LINEAR, np.zeros((2, 4)), np.random.default_rng(0))

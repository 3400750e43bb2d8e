"""Loss landscapes: the loss on a plane through θ, and the ways that trainings take over it.

Li, Xu, Taylor, Studer, Goldstein 2018, "Visualizing the loss landscape of neural nets", NeurIPS
(arXiv 1712.09913). P parameters, T points of a path, N rows; directions (P,) are float64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.errors import NetworkError
from model.network.graph import topological_order
from model.network.initializers import Generator
from model.network.network import Network
from model.network.row_weights import check_length
from model.network.validation import require_count, require_integer

PIECE = 8192  # rows at once
NUMBERS = 2**18  # of weights and of units' values, at once: about what the caches hold


@dataclass(frozen=True, eq=False)
class Landscape:
    """loss (B, A) at θ + a · d1 + b · d2, for a (A,) and b (B,).

    inf or NaN where the loss is. theta (P,), directions: d1, d2.
    """

    a: Array
    b: Array
    loss: Array
    theta: Array
    directions: tuple[Array, Array]


def random_directions(network: Network, theta: Array, generator: Generator) -> tuple[Array, Array]:
    """Two filter-normalized directions (P,) of θ (P,): d ← d / ‖d‖ · ‖w‖ for each unit (§4).

    d is normal; w are the weights into a unit, or of a filter. Biases, gains and offsets stay:
    d is 0 there, as in the authors' figures (`xignore=biasbn`). d1 and d2 are drawn apart, not made
    orthogonal; in many dimensions they nearly are (§7.1). Each is as long as θ's weights are.
    """
    _require_theta(network, theta)

    layout = network.layout
    d = generator.standard_normal((2, layout.size)) * layout.weights_mask()
    for block, part, w in zip(layout.blocks, layout.views(d), layout.views(theta), strict=True):
        if block.penalized:
            norms = np.linalg.norm(w[:, :-1].astype(float), axis=-1, keepdims=True)
            part *= norms / np.linalg.norm(part, axis=-1, keepdims=True)
    return d[0], d[1]


def path_directions(path: Array, at: Array) -> tuple[Array, Array, Array]:
    """The first two principal components of path (T, P) minus its end, or `at` (P,) (§7.2).

    Gives unit vectors d1, d2 (P,), and the shares (2,) of the path's squared distances from `at`
    that lie along them.

    M = path − at is not centred: of all planes through `at` this one is nearest to the path. (The
    authors' code gives M to scikit-learn's PCA, which takes off the mean too.) Found by the
    eigenvectors u of M Mᵀ (T, T), as Mᵀ u / ‖Mᵀ u‖, or by those of Mᵀ M where it is smaller. The
    path begins at coordinates of 0 or above.
    Raises NetworkError for a path that is not finite, or along one line.
    """
    m = np.asarray(path, float) - at
    if not np.isfinite(m).all() or not m.any():
        raise NetworkError("path must be finite, and lead somewhere")
    m /= np.abs(m).max()  # squares of large numbers overflow
    wide = len(m) <= m.shape[1]  # of M Mᵀ and Mᵀ M, the smaller one
    vectors = np.linalg.eigh(m @ m.T if wide else m.T @ m)[1][:, -2:]
    found = m.T @ vectors if wide else vectors * np.linalg.norm(m @ vectors, axis=0)
    sizes = np.linalg.norm(found, axis=0)
    if len(sizes) < 2 or not sizes[0] > 1e-7 * sizes[1]:
        raise NetworkError("path must lead to two directions, not along one line")
    d = (found / sizes).T[::-1]
    d[1] -= (d[0] @ d[1]) * d[0]  # the product has lost half the digits
    d[1] /= np.linalg.norm(d[1])
    d *= np.where(d @ m[0] < 0, -1.0, 1.0)[:, None]
    return d[0], d[1], np.square(m @ d.T).sum(axis=0) / np.square(m).sum()


def project(path: Array, at: Array, d1: Array, d2: Array) -> Array:
    """Coordinates (T, 2) of path (T, P): the a, b of the nearest at + a · d1 + b · d2.

    By least squares, as d1 and d2 need not be orthogonal.
    """
    return np.asarray((np.asarray(path, float) - at) @ np.linalg.pinv(np.stack([d1, d2])))


def landscape(
    network: Network,
    theta: Array,
    d1: Array,
    d2: Array,
    rows: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    span: float | Sequence[Sequence[float]] = 1.0,
    points: int = 51,
    members: int | None = None,
) -> Landscape:
    """The mean loss of rows (N, features) on a grid of points × points places around θ (P,).

    span: a and b go from −span to span, or each through a range of its own. members: places that
    are evaluated at once, as members of one θ (members, P); by default so many that their weights
    and values are no more than about 2¹⁸ numbers. Rows are taken by 8192.
    Raises NetworkError for what does not fit.
    """
    _require_theta(network, theta)
    require_integer("points", points, 2, 10**4)
    x = as_matrix("rows", rows, network.inputs, network.dtype)
    y = np.asarray(targets)
    check_length(len(y), len(x))
    ranges = span if isinstance(span, Sequence) else [(-span, span)] * 2
    a, b = (np.linspace(low, high, points) for low, high in ranges)
    places = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
    d = np.stack([d1, d2])
    loss = losses_at(network, len(places), lambda part: theta + places[part] @ d, x, y, members)
    return Landscape(a, b, loss.reshape(len(b), len(a)), theta.copy(), (d1, d2))


def losses_at(
    network: Network,
    places: int,
    thetas: Callable[[slice], Array],
    x: Array,
    y: Array,
    members: int | None = None,
) -> Array:
    """The mean loss (places,) at thetas of each part of them, piece by piece of the rows."""
    if members is None:
        units = sum(node.units for node in topological_order(network.ends[-1]))
        members = max(NUMBERS // (min(len(x), PIECE) * units + network.layout.size), 1)
    require_count("members", members)
    found = np.zeros(places)
    with np.errstate(all="ignore"):  # far out, a loss may be no number: that is kept
        for start in range(0, places, members):
            part = slice(start, start + members)
            theta = thetas(part).astype(network.dtype)
            for row in range(0, len(x), PIECE):
                piece = x[row : row + PIECE], y[row : row + PIECE]
                found[part] += network.loss_of(theta, *piece) * (len(piece[0]) / len(x))
    return found


def _require_theta(network: Network, theta: Array) -> None:
    if theta.shape != (network.layout.size,):
        raise NetworkError(f"theta must be of one network, (parameters,), got {theta.shape}")

"""Loss landscapes: the loss on a plane through the parameters θ of a network.

Shapes: P parameters, T points of a path, N rows; directions are `(P,)`, float64.

Source: Li, Xu, Taylor, Studer, Goldstein 2018, "Visualizing the loss landscape of neural nets",
NeurIPS (arXiv 1712.09913).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix, check_length
from model.errors import NetworkError
from model.network.graph import topological_order
from model.network.initializers import Generator
from model.network.network import Network
from model.network.validation import require_count, require_integer

CHUNK_ROWS = 8192  # evaluated at once
MAX_NUMBERS = 2**18  # parameters and unit values evaluated at once; about the caches' size


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss on a grid of points θ + a · d1 + b · d2.

    Attributes:
        a: Coordinates along d1, `(A,)`.
        b: Coordinates along d2, `(B,)`.
        loss: The loss, `(B, A)`; may be inf or NaN.
        theta: θ, `(P,)`.
        directions: d1 and d2, `(P,)` each.
    """

    a: Array
    b: Array
    loss: Array
    theta: Array
    directions: tuple[Array, Array]


def random_directions(network: Network, theta: Array, generator: Generator) -> tuple[Array, Array]:
    """Draw two filter-normalized directions: d ← d / ‖d‖ · ‖w‖ for each unit.

    d is normally distributed; w are the weights into a unit or of a filter. d is 0 for biases,
    gains and offsets, as in the authors' figures (`xignore=biasbn`). d1 and d2 are drawn
    independently and not made orthogonal; in many dimensions they nearly are (§7.1). Their norms
    equal that of the weights of θ.

    Args:
        network: The network.
        theta: θ, `(P,)`.
        generator: Source of randomness.

    Returns:
        d1 and d2, `(P,)` each.

    Source: Li et al. 2018, §4.
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
    """Compute the first two principal components of M = path − at.

    M is not centred: of all planes through `at`, this one is closest to the path. (The authors'
    code passes M to scikit-learn's PCA, which subtracts the mean too.) The components follow from
    the eigenvectors u of M Mᵀ `(T, T)`, as Mᵀ u / ‖Mᵀ u‖, or from those of Mᵀ M where it is
    smaller. Signs are such that the path begins at coordinates of 0 or above.

    Args:
        path: Points of a path, `(T, P)`.
        at: Point of the plane, usually the end of the path, `(P,)`.

    Returns:
        Unit vectors d1 and d2, `(P,)` each, and the shares of the path's squared distances from
        `at` along each, `(2,)`.

    Raises:
        NetworkError: The path is not finite, or lies on one line.

    Source: Li et al. 2018, §7.2.
    """
    m = np.asarray(path, float) - at
    if not np.isfinite(m).all() or not m.any():
        raise NetworkError("path must be finite, with a point other than the plane's")
    m /= np.abs(m).max()  # squares of large numbers overflow
    wide = len(m) <= m.shape[1]  # of M Mᵀ and Mᵀ M, the smaller one
    vectors = np.linalg.eigh(m @ m.T if wide else m.T @ m)[1][:, -2:]
    components = m.T @ vectors if wide else vectors * np.linalg.norm(m @ vectors, axis=0)
    sizes = np.linalg.norm(components, axis=0)
    if len(sizes) < 2 or not sizes[0] > 1e-7 * sizes[1]:
        raise NetworkError("path must span a plane, not lie on one line")
    d = (components / sizes).T[::-1]
    d[1] -= (d[0] @ d[1]) * d[0]  # the product above has lost half of the digits
    d[1] /= np.linalg.norm(d[1])
    d *= np.where(d @ m[0] < 0, -1.0, 1.0)[:, None]
    return d[0], d[1], np.square(m @ d.T).sum(axis=0) / np.square(m).sum()


def project(path: Array, at: Array, d1: Array, d2: Array) -> Array:
    """Project points onto a plane, by least squares, since d1 and d2 need not be orthogonal.

    Args:
        path: Points, `(T, P)`.
        at: Origin of the plane, `(P,)`.
        d1: First direction, `(P,)`.
        d2: Second direction, `(P,)`.

    Returns:
        Coordinates a and b of the closest point at + a · d1 + b · d2, `(T, 2)`.
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
    """Compute the mean loss of rows on a square grid around θ, in chunks of 8192 rows.

    Args:
        network: The network.
        theta: θ, `(P,)`.
        d1: First direction, `(P,)`.
        d2: Second direction, `(P,)`.
        rows: Rows, `(N, features)`.
        targets: Their targets.
        span: a and b are from −span to span; or a range for each.
        points: Points along each axis, 2 to 10 000.
        members: Points evaluated at once, as members of one θ `(members, P)`; by default as many as
            need about 2¹⁸ numbers.

    Raises:
        NetworkError: An argument has a wrong shape or value.
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
    """Compute the mean loss of rows at several θ.

    Args:
        network: The network.
        places: Number of θ.
        thetas: Returns the θ of a slice, `(slice, P)`.
        x: Rows, `(N, features)`.
        y: Their targets.
        members: Number of θ evaluated at once; by default as many as need about 2¹⁸ numbers.

    Returns:
        Losses, `(places,)`; may be inf or NaN.
    """
    if members is None:
        units = sum(node.units for node in topological_order(network.ends[-1]))
        members = max(MAX_NUMBERS // (min(len(x), CHUNK_ROWS) * units + network.layout.size), 1)
    require_count("members", members)
    losses = np.zeros(places)
    with np.errstate(all="ignore"):  # far from θ a loss may be inf or NaN, which is kept
        for start in range(0, places, members):
            part = slice(start, start + members)
            theta = thetas(part).astype(network.dtype)
            for row in range(0, len(x), CHUNK_ROWS):
                chunk = x[row : row + CHUNK_ROWS], y[row : row + CHUNK_ROWS]
                losses[part] += network.loss_of(theta, *chunk) * (len(chunk[0]) / len(x))
    return losses


def _require_theta(network: Network, theta: Array) -> None:
    if theta.shape != (network.layout.size,):
        raise NetworkError(f"theta must have shape ({network.layout.size},), got {theta.shape}")

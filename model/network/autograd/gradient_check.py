"""Gradient check: a compiled plan's gradient against central differences of the loss."""

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.network.network import Network


def _analytic_gradient(
    network: Network, theta: Array, rows: npt.ArrayLike, targets: npt.ArrayLike
) -> Array:
    """Return ∂J/∂θ `(P,)` by back-propagation, over all rows as one batch.

    Args:
        network: The network.
        theta: θ `(P,)`.
        rows: `(B, features)`.
        targets: As the loss takes them.
    """
    x = as_matrix("rows", rows, network.inputs, network.dtype)
    plan = network.compile(theta, batch_size=len(x))
    plan.load(x, network.loss.encode(targets, network.outputs, network.dtype))
    plan.step()
    return np.asarray(plan.gradient)


def _numerical_gradient(
    network: Network,
    theta: Array,
    rows: npt.ArrayLike,
    targets: npt.ArrayLike,
    epsilon: float = 1e-6,
) -> Array:
    """Return ∂J/∂θ `(P,)` by (J(θ + εeᵢ) − J(θ − εeᵢ)) / 2ε.

    Slow: two losses per parameter. The error is of order ε² in float64.

    Args:
        network: The network.
        theta: θ `(P,)`.
        rows: `(B, features)`.
        targets: As the loss takes them.
        epsilon: ε.
    """
    gradient = np.empty_like(theta)
    shifted = theta.copy()
    for index in range(theta.size):
        shifted[index] = theta[index] + epsilon
        above = float(network.loss_of(shifted, rows, targets))
        shifted[index] = theta[index] - epsilon
        below = float(network.loss_of(shifted, rows, targets))
        shifted[index] = theta[index]
        gradient[index] = (above - below) / (2 * epsilon)
    return gradient


def gradient_error(
    network: Network, theta: Array, rows: npt.ArrayLike, targets: npt.ArrayLike
) -> float:
    """Return ‖analytic − numerical‖ / (‖analytic‖ + ‖numerical‖), which is 0 where both are 0.

    Below 1e-7 the gradient is right, above 1e-4 it is wrong. Not meaningful in float32, nor where a
    unit's input is within ε of a kink (ReLU at 0).

    Args:
        network: The network.
        theta: θ `(P,)`.
        rows: `(B, features)`.
        targets: As the loss takes them.
    """
    analytic = _analytic_gradient(network, theta, rows, targets)
    numerical = _numerical_gradient(network, theta, rows, targets)
    size = np.linalg.norm(analytic) + np.linalg.norm(numerical)
    return float(np.linalg.norm(analytic - numerical) / size) if size else 0.0

"""Is the gradient right? The compiled plan's against a central difference of the loss."""

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.network.network import Network


def analytic_gradient(
    network: Network, theta: Array, rows: npt.ArrayLike, targets: npt.ArrayLike
) -> Array:
    """∂J/∂θ (P,) by back-propagation, over all rows (B, features) as one batch."""
    x = as_matrix("rows", rows, network.inputs, network.dtype)
    plan = network.compile(theta, batch_size=len(x))
    plan.load(x, network.loss.encode(targets, network.outputs, network.dtype))
    plan.step()
    return np.asarray(plan.gradient)


def numerical_gradient(
    network: Network,
    theta: Array,
    rows: npt.ArrayLike,
    targets: npt.ArrayLike,
    epsilon: float = 1e-6,
) -> Array:
    """∂J/∂θ (P,) by (J(θ + εeᵢ) − J(θ − εeᵢ)) / 2ε: slow, and right to about ε² in float64."""
    gradient = np.empty_like(theta)
    moved = theta.copy()
    for index in range(theta.size):
        moved[index] = theta[index] + epsilon
        above = float(network.loss_of(moved, rows, targets))
        moved[index] = theta[index] - epsilon
        below = float(network.loss_of(moved, rows, targets))
        moved[index] = theta[index]
        gradient[index] = (above - below) / (2 * epsilon)
    return gradient


def gradient_error(
    network: Network, theta: Array, rows: npt.ArrayLike, targets: npt.ArrayLike
) -> float:
    """‖analytic − numerical‖ / (‖analytic‖ + ‖numerical‖): below 1e-7 is right, above 1e-4 wrong.

    Not meaningful where a unit's input is within ε of a kink (ReLU at 0), nor in float32.
    """
    analytic = analytic_gradient(network, theta, rows, targets)
    numerical = numerical_gradient(network, theta, rows, targets)
    size = np.linalg.norm(analytic) + np.linalg.norm(numerical)
    return float(np.linalg.norm(analytic - numerical) / size) if size else 0.0

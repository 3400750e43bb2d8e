"""Widths of blocks of rows whose predictions do not depend on the rows beside them.

Matrix products of different widths may add the same terms in another order, and so round
differently; some BLAS kernels do so even for different columns of one product. In blocks of one
width, at which all columns round alike, a row has the same values in every block. Which widths are
such depends on the processor, on NumPy's BLAS and on the shapes of the weights, so it is measured.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from model.arrays import Array, digest

MIN_WIDTH: Final = 4
MAX_WIDTH: Final = 512
PROBES: Final = 16  # rows


def block_widths(
    values: Callable[[Array, int], Sequence[Array]], inputs: int, largest: int
) -> tuple[int, ...]:
    """Return widths at which a row has the same values in every column, to the last bit.

    There may be several sets of such widths: the one with most members is returned, or else the one
    with the largest width. With width 1, which is returned if there is none, each row is computed
    alone.

    Args:
        values: Function that returns all values of a block, each `(…, width)`, whose columns are
            one row `(inputs,)` repeated `width` times.
        inputs: The number of features.
        largest: The largest width to try.

    Returns:
        Powers of two in ascending order.
    """
    rows = _probes(inputs)
    sets: dict[str, list[int]] = {}
    width = MIN_WIDTH
    with np.errstate(all="ignore"):
        while width <= min(largest, MAX_WIDTH):
            found = [value for row in rows for value in values(row, width)]
            if all((value == value[..., :1]).all() for value in found):
                sets.setdefault(digest(*(value[..., 0] for value in found)), []).append(width)
            width *= 2
    ranked = sorted((len(widths), widths[-1], widths) for widths in sets.values())
    return tuple(ranked[-1][-1]) if ranked else (1,)


def _probes(inputs: int) -> Array:
    """Return rows of numbers that are spread as standard normals are, `(PROBES, inputs)`.

    Each is the Box-Muller transform of a point of Roberts' R2 sequence: numpy.random takes 2 MB of
    memory, in a service that draws nothing else.
    """
    places = np.arange(1, PROBES * inputs + 1, dtype=np.float64)
    radii = np.sqrt(-2 * np.log(places * 0.7548776662466927 % 1))
    angles = 2 * np.pi * (places * 0.5698402909980532 % 1)
    return np.reshape(radii * np.cos(angles), (PROBES, inputs))

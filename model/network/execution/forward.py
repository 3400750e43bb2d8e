"""A network bound to its weights, asked for predictions again and again."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.network.graph import Node
from model.network.losses import Loss
from model.network.parameters import Layout

# The numbers of the widest layer, of all members, in a piece of rows: half a megabyte, so that a
# piece's activations stay in the processor's cache; of wide layers more, for products of a few
# columns are slow.
PIECE_NUMBERS = 2**16
MOST_PIECE_NUMBERS = 2**18
LEAST_PIECE, MOST_PIECE = 64, 4096  # rows


class Forward:
    """The network's function with θ in it, as `Network.bind` makes it.

    Immutable, and without shared buffers: safe from many threads at once. Rows are taken in pieces
    of a power of two, at most MOST_PIECE: rows handed over in multiples of that are predicted the
    same to the last bit.
    """

    def __init__(
        self, order: Sequence[Node], ends: Sequence[Node], loss: Loss, layout: Layout, theta: Array
    ) -> None:
        self._inputs, self._dtype, self._link = order[0].units, theta.dtype, loss.predict
        members = theta[..., 0].size
        self._shares = np.full(members, 1 / members) if theta.ndim > 1 else None
        self._narrows = theta.dtype != np.float64
        self._one = np.ones((1, 1), theta.dtype)
        self._piece = _piece_of(max(node.units for node in order) * members)
        # Values are found by their place: the rows with their ones, without, then each node's.
        places = {order[0]: 0}
        blocks = iter(layout.views(theta))
        self._steps: list[tuple[Callable[..., Array], int, int | None]] = []
        for node in order[1:]:
            value = node.evaluator(next(blocks) if node.block is not None else None)
            sources = [places[source] for source in node.inputs]
            if value is None:
                places[node] = sources[0]
                continue
            if not node.takes_ones:
                sources = [place or 1 for place in sources]
            places[node] = len(self._steps) + 2
            self._steps.append((value, sources[0], sources[1] if len(sources) > 1 else None))
        self._ends = [places[end] or 1 for end in ends]
        self._last = self._ends[-1]

    def predict(self, rows: npt.ArrayLike) -> Array:
        """Predictions (…, B, outputs) for rows (B, features): probabilities, or numbers.

        Raises NetworkError for rows of another shape, or not finite.
        """
        return self._in_pieces(self._checked(rows), self._predict)

    def mean(self, inputs: Array) -> Array:
        """The same, (B, outputs), of what an encoder gives, which is float64 and finite: of members
        the mean.

        That in float64, for a calibration may draw apart what differs in float32's last digits.
        """
        if self._narrows or not len(inputs):
            inputs = self._checked(inputs)
        return self._in_pieces(inputs, self._mean)

    def logits(self, rows: npt.ArrayLike) -> Array:
        """What the last layer puts out, (…, B, outputs), for rows (B, features)."""
        return self.activations(rows)[-1]

    def activations(self, rows: npt.ArrayLike) -> list[Array]:
        """What each layer puts out, (…, B, units), for rows (B, features), all at once."""
        values = self._values(self._checked(rows))
        return [values[place].swapaxes(-1, -2) for place in self._ends]

    def _checked(self, rows: npt.ArrayLike) -> Array:
        return as_matrix("rows", rows, self._inputs, self._dtype)

    def _in_pieces(self, x: Array, function: Callable[[Array], Array]) -> Array:
        piece = self._piece
        if len(x) <= piece:
            return function(x)
        starts = range(0, len(x), piece)
        return np.concatenate([function(x[start : start + piece]) for start in starts], axis=-2)

    def _predict(self, x: Array) -> Array:
        return self._link(self._values(x)[self._last]).swapaxes(-1, -2)

    def _mean(self, x: Array) -> Array:
        found = self._link(self._values(x)[self._last])
        if self._shares is None:
            return found.T
        # As a product with their shares: a third of the time of NumPy's mean where rows are few.
        mean: Array = np.dot(self._shares, found.reshape(len(found), -1))
        return mean.reshape(found.shape[1:]).T

    def _values(self, x: Array) -> list[Array]:
        """The rows (features, B), after them each node's value, (…, units, B)."""
        if len(x) == 1:
            ones = np.concatenate((x, self._one), 1).T
        else:
            ones = np.ones((self._inputs + 1, len(x)), self._dtype)
            ones[:-1] = x.T
        values = [ones, ones[:-1]]
        for value, first, second in self._steps:
            if second is None:
                values.append(value(values[first]))
            else:
                values.append(value(values[first], values[second]))
        return values


def _piece_of(width: int) -> int:
    """How many rows of so many numbers: a power of two, at most MOST_PIECE."""
    rows = max(PIECE_NUMBERS // width, min(LEAST_PIECE, MOST_PIECE_NUMBERS // width), 1)
    return min(1 << rows.bit_length() - 1, MOST_PIECE)

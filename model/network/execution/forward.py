"""The forward pass: a network's function with its parameters bound."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.network.graph import Node
from model.network.losses import Loss
from model.network.parameters import Layout

# Numbers per chunk of rows in the widest layer of all members. 2¹⁶ are 0.5 MB, so that a chunk's
# activations stay in the processor's cache. Wide layers have larger chunks, since products with few
# columns are slow.
CHUNK_NUMBERS = 2**16
MAX_CHUNK_NUMBERS = 2**18
MIN_CHUNK_ROWS, MAX_CHUNK_ROWS = 64, 4096


class Forward:
    """A network's function with θ bound, as `Network.bind` returns it.

    Immutable, and without shared buffers: safe from many threads at once. Rows are processed in
    chunks of a power of two, at most MAX_CHUNK_ROWS. Rows passed in multiples of MAX_CHUNK_ROWS get
    the same predictions, to the last bit, as rows passed all at once.

    Args:
        order: All nodes in topological order, the input first.
        ends: The last node of each layer.
        loss: The loss, whose link turns logits into predictions.
        layout: The layout of θ.
        theta: θ `(P,)`, or `(K, P)` for K ensemble members; copied.
    """

    def __init__(
        self, order: Sequence[Node], ends: Sequence[Node], loss: Loss, layout: Layout, theta: Array
    ) -> None:
        self._inputs, self._dtype, self._link = order[0].units, theta.dtype, loss.predict
        members = theta[..., 0].size
        self._shares = np.full(members, 1 / members) if theta.ndim > 1 else None
        self._is_narrower = theta.dtype != np.float64
        self._one = np.ones((1, 1), theta.dtype)
        self._chunk_rows = _chunk_rows_of(max(node.units for node in order) * members)
        # Indices into the values: the rows with ones, the rows without, then each node's value.
        indices = {order[0]: 0}
        blocks = iter(layout.views(theta))
        self._steps: list[tuple[Callable[..., Array], int, int | None]] = []
        for node in order[1:]:
            value = node.evaluator(next(blocks) if node.block is not None else None)
            sources = [indices[source] for source in node.inputs]
            if value is None:
                indices[node] = sources[0]
                continue
            if not node.takes_ones:
                sources = [index or 1 for index in sources]
            indices[node] = len(self._steps) + 2
            self._steps.append((value, sources[0], sources[1] if len(sources) > 1 else None))
        self._ends = [indices[end] or 1 for end in ends]
        self._last = self._ends[-1]

    def predict(self, rows: npt.ArrayLike) -> Array:
        """Return predictions `(…, B, outputs)` for rows `(B, features)`: probabilities, or numbers.

        Raises:
            NetworkError: The rows have another shape, or are not finite.
        """
        return self._in_chunks(self._checked(rows), self._predict)

    def mean(self, inputs: Array) -> Array:
        """Return predictions `(B, outputs)`, averaged over the members of an ensemble.

        The mean is computed in float64, since a calibration may amplify a difference in the last
        digits of float32.

        Args:
            inputs: `(B, features)` from an encoder: float64 and finite.
        """
        if self._is_narrower or not len(inputs):
            inputs = self._checked(inputs)
        return self._in_chunks(inputs, self._mean)

    def logits(self, rows: npt.ArrayLike) -> Array:
        """Return the outputs of the last layer, `(…, B, outputs)`, for rows `(B, features)`."""
        return self.activations(rows)[-1]

    def activations(self, rows: npt.ArrayLike) -> list[Array]:
        """Return each layer's outputs, `(…, B, units)`, for rows `(B, features)`, in one chunk."""
        values = self._values(self._checked(rows))
        return [values[index].swapaxes(-1, -2) for index in self._ends]

    def _checked(self, rows: npt.ArrayLike) -> Array:
        return as_matrix("rows", rows, self._inputs, self._dtype)

    def _in_chunks(self, x: Array, function: Callable[[Array], Array]) -> Array:
        size = self._chunk_rows
        if len(x) <= size:
            return function(x)
        starts = range(0, len(x), size)
        return np.concatenate([function(x[start : start + size]) for start in starts], axis=-2)

    def _predict(self, x: Array) -> Array:
        return self._link(self._values(x)[self._last]).swapaxes(-1, -2)

    def _mean(self, x: Array) -> Array:
        predictions = self._link(self._values(x)[self._last])
        if self._shares is None:
            return predictions.T
        # A product with equal shares takes a third of the time of NumPy's mean for a few rows.
        mean: Array = np.dot(self._shares, predictions.reshape(len(predictions), -1))
        return mean.reshape(predictions.shape[1:]).T

    def _values(self, x: Array) -> list[Array]:
        """Return the rows with ones, the rows without, then each node's value `(…, units, B)`."""
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


def _chunk_rows_of(width: int) -> int:
    """Return the rows per chunk for `width` numbers per row: a power of two."""
    rows = max(CHUNK_NUMBERS // width, min(MIN_CHUNK_ROWS, MAX_CHUNK_NUMBERS // width), 1)
    return min(1 << rows.bit_length() - 1, MAX_CHUNK_ROWS)

"""The forward pass: a network's function with its parameters bound."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.network.execution.block_widths import MIN_WIDTH, block_widths
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
    chunks of a power of two, at most MAX_CHUNK_ROWS.

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
        self._members = np.array(float(members)) if theta.ndim > 1 else None
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

        Rows are computed in blocks of equal width, so a row has the same prediction, to the last
        bit, whichever rows are beside it. The mean is computed in float64, since a calibration may
        amplify a difference in the last digits of float32.

        Args:
            inputs: `(B, features)`, finite in the network's dtype.

        Raises:
            NetworkError: There is no row.
        """
        rows, size = len(inputs), self._chunk_rows
        if rows > size:
            starts = range(0, rows, size)
            return np.concatenate([self.mean(inputs[start : start + size]) for start in starts])
        if not rows:
            self._checked(inputs)  # raises
        values = self._values(self._blocks(inputs))
        predictions = self._link(values[self._last])
        if self._members is not None:
            total = np.add.reduce(predictions, axis=-3, dtype=np.float64)
            predictions = np.divide(total, self._members, total)
        if predictions.ndim > 2:  # several blocks
            outputs = predictions.shape[-2]
            return predictions.swapaxes(-1, -2).reshape(-1, outputs)[:rows]
        return predictions.T[:rows]

    def logits(self, rows: npt.ArrayLike) -> Array:
        """Return the outputs of the last layer, `(…, B, outputs)`, for rows `(B, features)`."""
        return self.activations(rows)[-1]

    def activations(self, rows: npt.ArrayLike) -> list[Array]:
        """Return each layer's outputs, `(…, B, units)`, for rows `(B, features)`, in one chunk."""
        x = self._checked(rows)
        values = self._values(self._block(x, len(x)))
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
        return self._link(self._values(self._block(x, len(x)))[self._last]).swapaxes(-1, -2)

    @cached_property
    def _widths(self) -> tuple[int, ...]:
        """The widths of blocks, in ascending order."""

        def values(row: Array, width: int) -> list[Array]:
            return self._values(self._block(row[np.newaxis], width))

        return block_widths(values, self._inputs, self._chunk_rows)

    def _blocks(self, rows: Array) -> Array:
        """Return rows `(B, features)` in blocks of the least width that takes all, or the largest.

        Returns:
            One block, or several `(blocks, …, features + 1, width)`; … is 1 for the members of an
            ensemble, which share the rows.
        """
        count, widths = len(rows), self._widths
        if count <= widths[-1]:
            return self._block(rows, widths[bisect_left(widths, count)])
        width, blocks = widths[-1], -(-count // widths[-1])
        filled = rows.take(np.arange(blocks * width), axis=0, mode="clip")  # with the last row
        lead = (blocks,) if self._members is None else (blocks, 1)
        x = np.ones((*lead, self._inputs + 1, width), self._dtype)
        x[..., :-1, :] = filled.reshape(*lead, width, -1).swapaxes(-1, -2)
        return x

    def _block(self, rows: Array, width: int) -> Array:
        """Return rows `(B, features)` as one block `(features + 1, width)`.

        The last row of the block is ones. The columns beyond B repeat the last row of `rows`.
        """
        block = np.empty((self._inputs + 1, width), self._dtype)
        block[-1] = 1
        count = len(rows)
        if 1 < count < width:
            block[:-1, :count] = rows.T
            block[:-1, count:] = rows[-1:].T
        else:
            block[:-1] = rows.T
        return block

    def _values(self, ones: Array) -> list[Array]:
        """Return all values of columns `(…, features + 1, B)` whose last row is ones.

        Returns:
            The columns, the columns without ones, then each node's value `(…, units, B)`.
        """
        values = [ones, ones[..., :-1, :]]
        for value, first, second in self._steps:
            if second is None:
                values.append(value(values[first]))
            else:
                values.append(value(values[first], values[second]))
        return values


def _chunk_rows_of(width: int) -> int:
    """Return the rows per chunk for `width` numbers per row: a power of two."""
    rows = max(CHUNK_NUMBERS // width, min(MIN_CHUNK_ROWS, MAX_CHUNK_NUMBERS // width), MIN_WIDTH)
    return min(1 << rows.bit_length() - 1, MAX_CHUNK_ROWS)

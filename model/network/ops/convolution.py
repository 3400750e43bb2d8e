"""Convolution over a signal by views of its windows, which are never copied.

A signal of T positions and C channels is stored as T · C features, position by position. A window
of k positions is then k · C consecutive features.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from model.arrays import Array
from model.network.graph import Call, Calls, Node, Workspace
from model.network.initializers import Initializer
from model.network.parameters import Block


class Windowed(Node):
    """y_t = W x_t + b for windows x_t, t = 0 … T − 1, one every `stride` positions, no padding.

    ∂J/∂W = Σ_t dy_t x_tᵀ (without the sum where untied), ∂J/∂x_t += Wᵀ dy_t.

    Args:
        source: The node of the signal.
        filters: The number of output channels.
        kernel: The positions per window.
        stride: The positions from one window to the next.
        initializer: Draws the initial weights.
        tied: True if all windows share one W (a convolution); False if each has its own.
    """

    def __init__(
        self,
        source: Node,
        filters: int,
        kernel: int,
        stride: int,
        initializer: Initializer,
        *,
        tied: bool,
    ) -> None:
        self.size = kernel * source.channels  # features in a window
        self.step = stride * source.channels  # features from one window to the next
        self.windows = (source.units - self.size) // self.step + 1
        self.tied = tied
        block = Block(
            filters if tied else filters * self.windows,
            self.size,
            initializer,
            fan_in=self.size,
            fan_out=kernel * filters,
        )
        super().__init__(source, units=self.windows * filters, channels=filters, block=block)

    def bind(self, ws: Workspace) -> Calls:
        """Compile one stacked product each way."""
        block, d_block = ws.weights
        weights, bias = self._split(block)
        d_weights, d_bias = self._split(d_block)
        x, y, dy = self._view(ws.x), self._by_window(ws.y), self._by_window(ws.dy)
        forward: list[Call] = [partial(np.matmul, weights, x, y), partial(np.add, y, bias, y)]
        backward: list[Call] = []
        transposed = x.swapaxes(-1, -2)
        if self.tied:
            by_window = ws.scratch((*dy.shape[:-1], self.size))
            backward += [
                partial(np.matmul, dy, transposed, by_window),
                partial(np.add.reduce, by_window, axis=-3, out=d_weights[..., 0, :, :]),
                partial(np.add.reduce, dy, axis=(-3, -1), out=d_bias[..., 0, :, 0]),
            ]
        else:
            backward += [
                partial(np.matmul, dy, transposed, d_weights),
                partial(np.add.reduce, dy, axis=-1, out=d_bias, keepdims=True),
            ]
        if ws.d_inputs[0] is not None:
            parts = ws.scratch((*dy.shape[:-2], self.size, dy.shape[-1]))
            backward += self._to_inputs(weights.swapaxes(-1, -2), dy, parts, ws.d_inputs[0])
        return forward, backward

    def evaluator(self, block: Array | None) -> Callable[[Array], Array]:
        assert block is not None
        weights, bias = (array.copy() for array in self._split(block))

        def value(x: Array) -> Array:
            y = weights @ self._view(x)
            y += bias
            return y.reshape(*y.shape[:-3], self.units, y.shape[-1])

        return value

    def _to_inputs(self, weights: Array, dy: Array, parts: Array, dx: Array) -> list[Call]:
        """Add the windows' gradients `parts` to dx, in groups of windows that do not overlap."""
        into = self._view(dx)
        apart = -(-self.size // self.step)
        return [
            partial(np.matmul, weights, dy, parts),
            partial(dx.fill, 0),
            *(
                partial(np.add, into[..., g::apart, :, :], group, into[..., g::apart, :, :])
                for g in range(min(apart, self.windows))
                for group in [parts[..., g::apart, :, :]]
            ),
        ]

    def _view(self, x: Array) -> Array:
        """Return x `(…, features, B)` as windows `(…, T, k · C, B)`, sharing memory."""
        *lead, across, along = x.strides
        return np.lib.stride_tricks.as_strided(
            x,
            (*x.shape[:-2], self.windows, self.size, x.shape[-1]),
            (*lead, across * self.step, across, along),
        )

    def _by_window(self, y: Array) -> Array:
        """Return y `(…, T · filters, B)` as `(…, T, filters, B)`, sharing memory."""
        *lead, across, along = y.strides
        return np.lib.stride_tricks.as_strided(
            y,
            (*y.shape[:-2], self.windows, self.channels, y.shape[-1]),
            (*lead, across * self.channels, across, along),
        )

    def _split(self, block: Array) -> tuple[Array, Array]:
        """Return W `(…, T or 1, filters, k · C)` and b `(…, T or 1, filters, 1)` of a block."""
        windows = 1 if self.tied else self.windows
        shape = (*block.shape[:-2], windows, self.channels, self.size + 1)
        by_window = block.reshape(shape)
        return by_window[..., :-1], by_window[..., -1:]

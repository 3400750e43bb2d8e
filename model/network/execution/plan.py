"""A graph compiled for one batch size: two flat lists of calls over buffers made once.

A step of training is `for call in plan.forward: call()`, then the same over `plan.backward`.
"""

from collections.abc import Sequence
from contextvars import copy_context
from functools import partial

import numpy as np

from model.arrays import Array, aligned
from model.network.graph import Call, Input, Node, Workspace, topological_order
from model.network.initializers import Generator
from model.network.losses import Loss
from model.network.parameters import Layout


class Plan:
    """The training step of a network on batches of B rows, with θ's current values.

    theta: (P,), or (K, P) for K members; read at every step, never written.
    gradient: ∂J/∂θ after `step`, of θ's shape and layout.
    inputs, targets, weights: the batch, feature-major, see `load`: (features, B), (outputs, B),
    (1, B) or (). A leading axis of members is on targets and weights, and where own_rows on inputs.
    """

    def __init__(
        self,
        last: Node,
        loss: Loss,
        layout: Layout,
        theta: Array,
        batch_size: int,
        *,
        weighted: bool,
        own_rows: bool,
        gathers: bool,
        generator: Generator | None,
        gradient: Array | None = None,
    ) -> None:
        self.theta = theta
        self.gradient = aligned(theta.shape, theta.dtype) if gradient is None else gradient
        self.forward: list[Call] = []
        self.backward: list[Call] = []
        self._loss = loss
        self._batch_size = np.array(batch_size, theta.dtype)
        self._context = copy_context()
        self._context.run(_settle_numpy)
        order = topological_order(last)
        values, gradients = _buffers(order, theta, batch_size, own_rows, gathers)
        self.inputs = values[order[0]][..., :-1, :]
        self._logits = values[last][..., :-1, :]
        self.targets = aligned(self._logits.shape, theta.dtype)
        if gathers:
            self._rows = values[order[0]].swapaxes(-1, -2)
            shape = (*self._rows.shape[:-1], last.units)
            self._picked = aligned(shape, theta.dtype)
        each = (*theta.shape[:-1], 1, batch_size) if weighted else ()
        self.weights = np.full(each, 1 / batch_size, theta.dtype)
        self.backward += loss.bind(self._logits, self.targets, self.weights, gradients[last])
        self._bind(order, layout, values, gradients, generator)

    def load(self, rows: Array, targets: Array, shares: Array | None = None) -> None:
        """Take a batch: rows (B, features), encoded targets (B, outputs), shares (B,) of J.

        Members' own have a leading axis.
        """
        self.inputs[...] = rows.swapaxes(-1, -2)
        self.targets[...] = targets.swapaxes(-1, -2)
        if shares is not None:
            self.weights[...] = shares[..., None, :]

    def gather(
        self, rows: Array, targets: Array, index: Array, weights: Array | None = None
    ) -> None:
        """Take the batch `index` (B,) of a larger table, without allocating; (K, B) for own_rows.

        rows: (N, features + 1) as `Network.prepare` gives them. targets: (N, outputs), encoded.
        weights: (…, N) of a weighted plan, of mean 1, so that J stays an unbiased share of the
        whole table's.
        """
        np.take(rows, index, axis=0, out=self._rows, mode="clip")
        np.take(targets, index, axis=0, out=self._picked, mode="clip")
        np.copyto(self.targets, self._picked.swapaxes(-1, -2))
        if weights is not None:
            shares = self.weights[..., 0, :]
            np.take(weights, index, axis=-1, out=shares, mode="clip")
            np.divide(shares, self._batch_size, shares)

    def step(self) -> None:
        """Leave ∂J/∂θ of the batch in `gradient`.

        Where numbers overflow it does so in silence: the gradient is then not finite.
        """
        self._context.run(self._step)

    def _step(self) -> None:
        for call in self.forward:
            call()
        for call in self.backward:
            call()

    def loss(self) -> Array:
        """J of the batch at the θ of the last `step`: (), or (K,)."""
        losses = self._loss.value(self._logits, self.targets)
        return np.asarray((losses * self.weights).sum(axis=(-2, -1)))

    def _bind(
        self,
        order: Sequence[Node],
        layout: Layout,
        values: dict[Node, Array],
        gradients: dict[Node, Array],
        generator: Generator | None,
    ) -> None:
        holders = [node for node in order if node.block is not None]
        blocks = dict(zip(holders, layout.views(self.theta), strict=True))
        d_blocks = dict(zip(holders, layout.views(self.gradient), strict=True))
        wanted = _with_parameters(order)
        # Backwards, the first consumer met assigns a node's gradient, each further one adds to it.
        assigned: set[Node] = set()
        forward: list[list[Call]] = []
        for node in reversed(order):
            d_inputs: list[Array | None] = []
            additions: list[Call] = []
            for source in node.inputs:
                gradient = gradients[source]
                if source not in wanted:
                    d_inputs.append(None)
                elif source in assigned:
                    scratch = aligned(gradient.shape, gradient.dtype)
                    d_inputs.append(scratch)
                    additions.append(partial(np.add, gradient, scratch, gradient))
                else:
                    assigned.add(source)
                    d_inputs.append(gradient)
            calls = node.bind(
                Workspace(
                    inputs=tuple(values[source] for source in node.inputs),
                    y=values[node][..., :-1, :],
                    dy=gradients[node],
                    d_inputs=tuple(d_inputs),
                    block=blocks.get(node),
                    d_block=d_blocks.get(node),
                    generator=generator,
                )
            )
            forward.append(calls[0])
            if node in wanted:
                self.backward += [*calls[1], *additions]
        self.forward += [call for calls in reversed(forward) for call in calls]


def _settle_numpy() -> None:
    """NumPy's settings for a plan's calls, in a context of their own.

    With buffers of its usual size NumPy (up to 2.4 at least) writes a broadcast operand out in full
    before it multiplies: that takes memory, and twice the time.
    """
    np.setbufsize(16)
    np.seterr(all="ignore")


def _buffers(
    order: Sequence[Node], theta: Array, batch_size: int, own_rows: bool, gathers: bool
) -> tuple[dict[Node, Array], dict[Node, Array]]:
    """A value (…, units + 1, B), last row ones, and a gradient (…, units, B) for each node.

    A node that may overwrite its input shares that one's. Rows that are gathered lie row by row, so
    that a batch is a few long copies; matrix products take them transposed.
    """
    consumers = dict.fromkeys(order, 0)
    for node in order:
        for source in node.inputs:
            consumers[source] += 1
    values: dict[Node, Array] = {}
    gradients: dict[Node, Array] = {}
    for node in order:
        source = node.inputs[0] if node.inputs else node
        if node.in_place and consumers[source] == 1 and not source.keeps_output:
            values[node], gradients[node] = values[source], gradients[source]
        else:
            lead = theta.shape[:-1] if own_rows or not isinstance(node, Input) else ()
            if isinstance(node, Input) and gathers:
                rows = aligned((*lead, batch_size, node.units + 1), theta.dtype)
                values[node] = rows.swapaxes(-1, -2)
            else:
                values[node] = aligned((*lead, node.units + 1, batch_size), theta.dtype)
            values[node].fill(1)
            gradients[node] = aligned((*lead, node.units, batch_size), theta.dtype)
    return values, gradients


def _with_parameters(order: Sequence[Node]) -> set[Node]:
    """The nodes through which a gradient reaches some parameters."""
    found: set[Node] = set()
    for node in order:
        if node.block is not None or any(source in found for source in node.inputs):
            found.add(node)
    return found

"""A plan: a graph compiled for one batch size, as two flat lists of calls on preallocated buffers.

A training step is `for call in plan.forward: call()`, then the same for `plan.backward`.
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
    """The training step of a network on batches of B rows, at the current values of θ.

    A batch is in the feature-major buffers `inputs` `(features, B)`, `targets` `(outputs, B)` and
    `weights` `(1, B)` or `()`; see `load`. Targets and weights have a leading axis for the members
    of an ensemble; inputs have it with `own_rows`.

    Args:
        last: The last node of the graph.
        loss: The loss J.
        layout: The layout of θ.
        theta: θ `(P,)`, or `(K, P)` for K members. Read at every step, never written.
        batch_size: B.
        weighted: True if each row has its own weight.
        own_rows: True if each member has its own rows.
        gathers: True if batches are loaded with `gather`.
        generator: The source of noise; None for no noise.
        gradient: The array for ∂J/∂θ; None for a new one.

    Attributes:
        gradient: ∂J/∂θ after `step`, of θ's shape and layout.
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
        self._context.run(_configure_numpy)
        order = topological_order(last)
        values, gradients = _buffers(order, theta, batch_size, own_rows, gathers)
        self.inputs = values[order[0]][..., :-1, :]
        self._logits = values[last][..., :-1, :]
        self.targets = aligned(self._logits.shape, theta.dtype)
        if gathers:
            self._batch_rows = values[order[0]].swapaxes(-1, -2)
            self._batch_targets = aligned((*self._batch_rows.shape[:-1], last.units), theta.dtype)
        shape = (*theta.shape[:-1], 1, batch_size) if weighted else ()
        self.weights = np.full(shape, 1 / batch_size, theta.dtype)
        self.backward += loss.bind(self._logits, self.targets, self.weights, gradients[last])
        self._bind(order, layout, values, gradients, generator)

    def load(self, rows: Array, targets: Array, shares: Array | None = None) -> None:
        """Load a batch. Arrays of an ensemble have a leading axis for the members' own values.

        Args:
            rows: `(B, features)`.
            targets: `(B, outputs)`, encoded by the loss.
            shares: `(B,)`, each row's share of J, adding to 1; None for equal shares.
        """
        self.inputs[...] = rows.swapaxes(-1, -2)
        self.targets[...] = targets.swapaxes(-1, -2)
        if shares is not None:
            self.weights[...] = shares[..., None, :]

    def gather(
        self, rows: Array, targets: Array, index: Array, weights: Array | None = None
    ) -> None:
        """Load a batch of rows of a larger table, without allocation.

        Args:
            rows: `(N, features + 1)`, from `Network.prepare`.
            targets: `(N, outputs)`, encoded by the loss.
            index: `(B,)`, the rows of the batch; `(K, B)` with `own_rows`.
            weights: `(…, N)` for a weighted plan, of mean 1, so that J of a batch is an unbiased
                estimate of that of the table.
        """
        np.take(rows, index, axis=0, out=self._batch_rows, mode="clip")
        np.take(targets, index, axis=0, out=self._batch_targets, mode="clip")
        np.copyto(self.targets, self._batch_targets.swapaxes(-1, -2))
        if weights is not None:
            shares = self.weights[..., 0, :]
            np.take(weights, index, axis=-1, out=shares, mode="clip")
            np.divide(shares, self._batch_size, shares)

    def step(self) -> None:
        """Write ∂J/∂θ of the batch into `gradient`.

        Overflow raises no warning: the gradient is then not finite.
        """
        self._context.run(self._step)

    def _step(self) -> None:
        for call in self.forward:
            call()
        for call in self.backward:
            call()

    def loss(self) -> Array:
        """Return J of the batch at the θ of the last `step`: `()`, or `(K,)`."""
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
        needed = _with_parameters(order)
        # In reverse, the first consumer assigns a node's gradient, each further one adds to it.
        assigned: set[Node] = set()
        forward: list[list[Call]] = []
        for node in reversed(order):
            d_inputs: list[Array | None] = []
            additions: list[Call] = []
            for source in node.inputs:
                gradient = gradients[source]
                if source not in needed:
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
            if node in needed:
                self.backward += [*calls[1], *additions]
        self.forward += [call for calls in reversed(forward) for call in calls]


def _configure_numpy() -> None:
    """Set NumPy's options for a plan's calls, in the plan's own context.

    With its default buffer size NumPy (at least up to 2.4) expands a broadcast operand before the
    multiplication, which takes memory and twice the time.
    """
    np.setbufsize(16)
    np.seterr(all="ignore")


def _buffers(
    order: Sequence[Node], theta: Array, batch_size: int, own_rows: bool, gathers: bool
) -> tuple[dict[Node, Array], dict[Node, Array]]:
    """Allocate a value `(…, units + 1, B)` and a gradient `(…, units, B)` for each node.

    The last row of each value is ones. A node that may overwrite its input shares the input's
    buffers. Gathered rows are stored row by row, so that loading a batch is a few long copies;
    matrix products use their transpose.
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
    """Return the nodes through which a gradient reaches parameters."""
    reached: set[Node] = set()
    for node in order:
        if node.block is not None or any(source in reached for source in node.inputs):
            reached.add(node)
    return reached

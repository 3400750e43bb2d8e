"""A plan: a graph compiled for one batch size, as a flat list of calls on preallocated buffers.

A training step is `for call in plan.calls: call()`.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from contextvars import copy_context
from functools import partial

import numpy as np

from model.arrays import Array, aligned
from model.network.buffers import Buffers
from model.network.execution.chunks import Chunk, chunks_of
from model.network.graph import Call, Node, Workspace, topological_order
from model.network.initializers import Generators
from model.network.losses import Loss
from model.network.parameters import Layout


class Plan:
    """The training step of a network on batches of B rows, at the current values of θ.

    A batch is in the feature-major buffers `inputs` `(features, B)`, `targets` `(outputs, B)` and
    `weights` `(1, B)` or `()`; see `load` and `gather`. Weights have a leading axis for the members
    of an ensemble; inputs have it with `own_rows`; targets have it with `own_rows` or `load`.

    A large batch is processed in chunks, each forward and backward through the same buffers; their
    gradients are added. Layers that draw noise draw it chunk by chunk. The chunks depend only on
    the network, the batch size and the number of members, so a seed gives the same noise on every
    machine.

    Args:
        last: The last node of the graph.
        loss: The loss J.
        layout: The layout of θ.
        theta: θ `(P,)`, or `(K, P)` for K members. Read at every step, never written.
        batch_size: B.
        weighted: True if each row has its own weight.
        own_rows: True if each member has its own rows.
        gathers: True if batches are loaded with `gather`.
        generator: The source of noise, or one for each member; None for no noise.
        gradient: The array for ∂J/∂θ; None for a new one.

    Attributes:
        calls: The calls of a step, in order.
        gradient: ∂J/∂θ after `step`, of θ's shape and layout.
        nbytes: The memory of all buffers, `gradient` included.
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
        generator: Generators | None,
        gradient: Array | None = None,
    ) -> None:
        self.theta = theta
        self.gradient = aligned(theta.shape, theta.dtype) if gradient is None else gradient
        self.calls: list[Call] = []
        self._loss, self._layout, self._generator = loss, layout, generator
        self._batch_size = np.array(batch_size, theta.dtype)
        self._context = copy_context()
        self._context.run(_configure_numpy)
        self._order = topological_order(last)
        self._needed = _with_parameters(self._order)
        self._owners = _buffer_owners(self._order)
        self._batch_buffers = Buffers()
        allocate = self._batch_buffers.allocate
        lead, columns = theta.shape[:-1], self._order[0].units + 1
        rows_lead = lead if own_rows else ()
        if gathers:
            # Stored row by row, so that loading a batch is a few long copies; the operations use
            # the transpose.
            self._table = allocate((*rows_lead, batch_size, columns + last.units), theta.dtype)
            self._x = self._table[..., :columns].swapaxes(-1, -2)
            self.targets = self._table[..., columns:].swapaxes(-1, -2)
        else:
            self._x = allocate((*rows_lead, columns, batch_size), theta.dtype)
            self.targets = allocate((*lead, last.units, batch_size), theta.dtype)
        self._x[..., -1, :] = 1
        self.inputs = self._x[..., :-1, :]
        self.weights = allocate((*lead, 1, batch_size) if weighted else (), theta.dtype)
        self.weights.fill(1 / batch_size)
        self._logits: list[tuple[Chunk, Array]] = []
        buffers: defaultdict[tuple[int, int], Buffers] = defaultdict(Buffers)
        width = max(node.units for node in self._order[1:])
        for chunk in chunks_of(math.prod(lead), batch_size, width):
            self._compile(chunk, buffers[chunk.size])
        sizes = (each.nbytes for each in (self._batch_buffers, *buffers.values()))
        self.nbytes = self.gradient.nbytes + sum(sizes)

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

    def gather(self, table: Array, index: Array, weights: Array | None = None) -> None:
        """Load a batch of rows of a larger table, without allocation.

        Args:
            table: `(N, features + 1 + outputs)`, from `Network.prepare`.
            index: `(B,)`, the rows of the batch; `(K, B)` with `own_rows`.
            weights: `(…, N)` for a weighted plan, of mean 1, so that J of a batch is an unbiased
                estimate of that of the table.
        """
        table.take(index, 0, self._table, "clip")  # a microsecond less than np.take
        if weights is not None:
            shares = self.weights[..., 0, :]
            weights.take(index, -1, shares, "clip")
            np.divide(shares, self._batch_size, shares)

    def step(self) -> None:
        """Write ∂J/∂θ of the batch into `gradient`.

        Overflow raises no warning: the gradient is then not finite.
        """
        self._context.run(self._step)

    def _step(self) -> None:
        for call in self.calls:
            call()

    def logits(self) -> Array:
        """Return the outputs of the last layer at the θ of the last `step`, `(…, outputs, B)`."""
        shape = (*self.theta.shape[:-1], *self.targets.shape[-2:])
        logits = np.empty(shape, self.theta.dtype)
        for chunk, values in self._logits:
            chunk.of_batch(logits)[...] = values
        return logits

    def loss(self) -> Array:
        """Return J of the batch at the θ of the last `step`: `()`, or `(K,)`."""
        losses = self._loss.value(self.logits(), self.targets)
        return np.asarray((losses * self.weights).sum(axis=(-2, -1)))

    def _compile(self, chunk: Chunk, buffers: Buffers) -> None:
        """Append the calls of one chunk: forward, backward, and the sum of its gradient."""
        buffers.restart()
        theta, total = chunk.of_parameters(self.theta), chunk.of_parameters(self.gradient)
        gradient = total
        if chunk.rows.stop - chunk.rows.start < self._x.shape[-1]:
            own_gradient = buffers.allocate(total.shape, total.dtype)
            gradient = own_gradient if chunk.rows.start else total
        values, gradients = self._allocate(chunk, theta.shape[:-1], buffers)
        last = self._order[-1]
        outputs = logits = values[last][..., :-1, :]
        backward: list[Call] = []
        if last.keeps_output:  # its own backward may overwrite it
            logits = self._batch_buffers.allocate(outputs.shape, outputs.dtype)
            backward.append(partial(np.copyto, logits, outputs))
        self._logits.append((chunk, logits))
        targets, weights = chunk.of_batch(self.targets), chunk.of_batch(self.weights)
        backward += self._loss.bind(outputs, targets, weights, gradients[last])
        holders = [node for node in self._order if node.block is not None]
        blocks = dict(zip(holders, self._layout.views(theta), strict=True))
        d_blocks = dict(zip(holders, self._layout.views(gradient), strict=True))
        # In reverse, the first consumer assigns a node's gradient, each further one adds to it.
        assigned: set[Node] = set()
        forward: list[list[Call]] = []
        for node in reversed(self._order[1:]):
            d_inputs: list[Array | None] = []
            additions: list[Call] = []
            for source in node.inputs:
                if source not in self._needed:
                    d_inputs.append(None)
                elif source in assigned:
                    d_input = gradients[source]
                    scratch = buffers.allocate(d_input.shape, d_input.dtype)
                    d_inputs.append(scratch)
                    additions.append(partial(np.add, d_input, scratch, d_input))
                else:
                    assigned.add(source)
                    d_inputs.append(gradients[source])
            calls = node.bind(
                Workspace(
                    inputs=tuple(values[source] for source in node.inputs),
                    y=values[node][..., :-1, :],
                    dy=gradients[node],
                    d_inputs=tuple(d_inputs),
                    block=blocks.get(node),
                    d_block=d_blocks.get(node),
                    generator=chunk.of_generators(self._generator),
                    buffers=buffers,
                )
            )
            forward.append(calls[0])
            if node in self._needed:
                backward += [*calls[1], *additions]
        self.calls += [call for calls in reversed(forward) for call in calls]
        self.calls += backward
        if gradient is not total:
            self.calls.append(partial(np.add, total, gradient, total))

    def _allocate(
        self, chunk: Chunk, lead: tuple[int, ...], buffers: Buffers
    ) -> tuple[dict[Node, Array], dict[Node, Array]]:
        """Return a value `(…, units + 1, B)` and a gradient `(…, units, B)` for each node.

        The last row of each value is ones. The input has no gradient. No other chunk overwrites the
        logits, from which `loss` is computed after a step.
        """
        first, *others = self._order
        values, gradients = {first: chunk.of_batch(self._x)}, {}
        logits = self._owners[self._order[-1]]
        rows, dtype = chunk.size[1], self.theta.dtype
        for node in others:
            owner = self._owners[node]
            if owner is node:
                owned = self._batch_buffers if node is logits else buffers
                values[node] = owned.allocate((*lead, node.units + 1, rows), dtype)
                values[node][..., -1, :] = 1
                gradients[node] = buffers.allocate((*lead, node.units, rows), dtype)
            values[node], gradients[node] = values[owner], gradients[owner]
        return values, gradients


def _configure_numpy() -> None:
    """Set NumPy's options for a plan's calls, in the plan's own context.

    With its default buffer size NumPy (at least up to 2.4) expands a broadcast operand before the
    multiplication, which takes memory and twice the time.
    """
    np.setbufsize(16)
    np.seterr(all="ignore")


def _buffer_owners(order: Sequence[Node]) -> dict[Node, Node]:
    """Return the node whose buffers each node uses.

    A node that may overwrite its input shares the input's buffers.
    """
    consumers = dict.fromkeys(order, 0)
    for node in order:
        for source in node.inputs:
            consumers[source] += 1
    owners: dict[Node, Node] = {}
    for node in order:
        source = node.inputs[0] if node.inputs else node
        is_shared = node.in_place and consumers[source] == 1 and not source.keeps_output
        owners[node] = owners[source] if is_shared else node
    return owners


def _with_parameters(order: Sequence[Node]) -> set[Node]:
    """Return the nodes through which a gradient reaches parameters."""
    reached: set[Node] = set()
    for node in order:
        if node.block is not None or any(source in reached for source in node.inputs):
            reached.add(node)
    return reached

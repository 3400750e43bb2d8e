"""A graph compiled for one batch size: two flat lists of calls over buffers made once.

A step of training is `for call in plan.forward: call()`, then the same over `plan.backward`.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from model.arrays import Array
from model.network.graph import Call, Input, Node, Workspace, topological_order
from model.network.losses import BinaryCrossEntropy
from model.network.parameters import Layout


class Plan:
    """The training step of one network on batches of B rows, with θ's current values.

    theta: (P,), or (members, P); read at every step, never written.
    gradient: ∂J/∂θ after `step`, of θ's shape and layout.
    """

    def __init__(
        self, last: Node, loss: BinaryCrossEntropy, layout: Layout, theta: Array, batch_size: int
    ) -> None:
        self.theta = theta
        self.gradient = np.zeros_like(theta)
        self.forward: list[Call] = []
        self.backward: list[Call] = []
        self._loss = loss
        self._compile(topological_order(last), layout, batch_size)

    def load(self, rows: Array, targets: Array) -> None:
        """Take a batch: rows (B, features) and targets (B, outputs)."""
        self._inputs[...] = rows.T
        self._targets[...] = targets.T

    def step(self) -> None:
        """Leave ∂J/∂θ of the loaded batch in `gradient`."""
        for call in self.forward:
            call()
        for call in self.backward:
            call()

    def loss(self) -> float:
        """J of the loaded batch, at the θ of the last `step`."""
        return float(self._loss.value(self._logits, self._targets))

    def _compile(self, order: Sequence[Node], layout: Layout, batch_size: int) -> None:
        lead, dtype = self.theta.shape[:-1], self.theta.dtype

        def empty(shape: tuple[int, ...]) -> Array:
            return np.empty(shape, dtype)

        consumers = dict.fromkeys(order, 0)
        for node in order:
            for source in node.inputs:
                consumers[source] += 1

        values: dict[Node, Array] = {}
        gradients: dict[Node, Array] = {}
        for node in order:
            if node.in_place and consumers[node.inputs[0]] == 1:
                values[node] = values[node.inputs[0]]
                gradients[node] = gradients[node.inputs[0]]
            else:
                values[node] = np.ones((*lead, node.units + 1, batch_size), dtype)
                gradients[node] = empty((*lead, node.units, batch_size))

        holders = [node for node in order if node.block is not None]
        blocks = dict(zip(holders, layout.views(self.theta), strict=True))
        block_gradients = dict(zip(holders, layout.views(self.gradient), strict=True))

        first, last = order[0], order[-1]
        self._inputs = values[first][..., :-1, :]
        self._logits = values[last][..., :-1, :]
        self._targets = empty(self._logits.shape)

        # Backwards, the first consumer met assigns a node's gradient, each further one adds to it.
        backward: list[Call] = []
        backward += self._loss.backward(self._logits, self._targets, gradients[last])
        assigned: set[Node] = set()
        calls_forward: list[list[Call]] = []
        for node in reversed(order):
            targets: list[Array | None] = []
            additions: list[Call] = []
            for source in node.inputs:
                gradient = gradients[source]
                if isinstance(source, Input):
                    targets.append(None)
                elif source in assigned:
                    scratch = empty(gradient.shape)
                    targets.append(scratch)
                    additions.append(partial(np.add, gradient, scratch, gradient))
                else:
                    assigned.add(source)
                    targets.append(gradient)
            at = Workspace(
                inputs=tuple(values[source] for source in node.inputs),
                output=values[node][..., :-1, :],
                output_gradient=gradients[node],
                input_gradients=tuple(targets),
                block=blocks.get(node),
                block_gradient=block_gradients.get(node),
                empty=empty,
            )
            calls_forward.append(list(node.forward(at)))
            backward += [*node.backward(at), *additions]
        self.forward = [call for calls in reversed(calls_forward) for call in calls]
        self.backward = backward

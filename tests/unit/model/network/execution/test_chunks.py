"""Chunks of a batch: their sizes, and sums that equal those of the whole batch."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from model.network.execution import chunks
from model.network.execution.chunks import chunks_of
from model.network.execution.plan import Plan
from model.network.network import Network

LAYERS: list[Any] = [
    {"name": "maxout", "units": 6, "pieces": 2},
    {"name": "residual", "layers": [{"units": 6, "activation": "relu"}]},
    {"name": "layer_normalization"},
    {"units": 3},
]


@pytest.mark.parametrize("members", [1, 7, 40])
@pytest.mark.parametrize("rows", [1, 32, 500, 4_097, 100_000])
@pytest.mark.parametrize("width", [1, 15, 784, 10_000])
def test_chunks_cover_the_batch_once_and_fit(members: int, rows: int, width: int) -> None:
    found = chunks_of(members, rows, width)
    covered = np.zeros((members, rows), int)
    for chunk in found:
        covered[chunk.members, chunk.rows] += 1
        some_members, some_rows = chunk.size
        assert some_members == 1 or some_rows == rows
        fits = some_members * some_rows * width <= chunks.CHUNK_NUMBERS
        assert fits or (some_members == 1 and some_rows <= chunks.MIN_CHUNK_ROWS)
    assert (covered == 1).all()


def test_chunks_are_of_two_sizes_at_most() -> None:
    """Only the last one is smaller, so that almost all share the same buffers."""
    sizes = [chunk.size[1] for chunk in chunks_of(1, 100_000, 15)]
    assert all(a == b for a, b in pairwise(sizes[:-1]))
    assert 0.9 * sizes[0] < sizes[-1] <= sizes[0]


@pytest.mark.parametrize("members", [0, 3])
@pytest.mark.parametrize("own_rows", [False, True])
@pytest.mark.parametrize("gathers", [False, True])
def test_chunks_add_up(
    members: int, own_rows: bool, gathers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch in chunks has the gradient, the logits and the loss of the batch at once."""
    generator = np.random.default_rng(1)
    network = Network(LAYERS, 5, "sparse_categorical_cross_entropy")
    theta = network.initial_parameters([generator] * members if members else generator)
    lead, is_apart = (members,) if members else (), own_rows and members > 0
    index = generator.integers(0, 90, (*lead, 53) if is_apart else 53)
    weights = None if is_apart else generator.uniform(0.5, 2, (*lead, 90))
    x, y = generator.standard_normal((90, 5)), generator.integers(0, 3, 90)
    table = network.prepare(x, y)

    def plan_after_step() -> Plan:
        plan = network.compile(
            theta, 53, weighted=weights is not None, own_rows=is_apart, gathers=gathers
        )
        if gathers:
            plan.gather(table, index, weights)
        else:
            shares = None if weights is None else weights[..., :53] / 53
            plan.load(x[index], network.split(table)[1][index], shares)
        plan.step()
        return plan

    whole = plan_after_step()
    monkeypatch.setattr(chunks, "MIN_CHUNK_ROWS", 4)
    for numbers in (700, 60) if members else (60,):  # member by member; then some rows of each
        monkeypatch.setattr(chunks, "CHUNK_NUMBERS", numbers)
        plan = plan_after_step()
        assert len(plan.calls) > len(whole.calls)
        assert plan.gradient == pytest.approx(whole.gradient, rel=1e-11, abs=1e-15)
        assert plan.logits() == pytest.approx(whole.logits(), rel=1e-12)
        assert plan.loss() == pytest.approx(whole.loss(), rel=1e-13)


def test_memory_of_a_large_batch_is_that_of_its_rows_and_one_chunk() -> None:
    network = Network([{"units": 15, "activation": "relu"}, {"units": 1}], 9)
    plan = network.compile(np.zeros(network.layout.size), 100_000)
    rows = 100_000 * (9 + 1 + 1 + 2) * 8  # features, ones, target, logit with its row of ones
    chunk = chunks.CHUNK_NUMBERS * 8
    assert plan.nbytes < rows + 10 * chunk

"""Widths of blocks, for products that round in different ways."""

import numpy as np
import pytest

from model.arrays import Array
from model.network.execution.block_widths import MAX_WIDTH, block_widths


def widths(rounding: dict[int, float], edges: set[int], largest: int = 64) -> tuple[int, ...]:
    """The widths for values that depend on the width, and on the column at some widths."""

    def values(row: Array, width: int) -> list[Array]:
        x = np.repeat(row[:, np.newaxis], width, axis=1) + rounding.get(width, 0)
        if width in edges:
            x[..., -1] += 1e-15
        return [x, x[:1]]

    return block_widths(values, 3, largest)


@pytest.mark.parametrize(
    ("rounding", "edges", "expected"),
    [
        ({}, set(), (4, 8, 16, 32, 64)),
        ({4: 1e-9}, set(), (8, 16, 32, 64)),
        ({32: 1e-9, 64: 1e-9}, set(), (4, 8, 16)),
        ({4: 1e-9, 8: 1e-9, 16: 1e-9, 64: 1e-9, 32: 2e-9}, set(), (4, 8, 16, 64)),
        ({4: 1e-9, 8: 2e-9}, {32, 64}, (16,)),
        ({}, {16}, (4, 8, 32, 64)),
        ({}, {4, 8, 16, 32, 64}, (1,)),
    ],
)
def test_the_most_widths_that_round_alike(
    rounding: dict[int, float], edges: set[int], expected: tuple[int, ...]
) -> None:
    assert widths(rounding, edges) == expected


def test_largest_width() -> None:
    assert widths({}, set(), largest=31) == (4, 8, 16)
    assert widths({}, set(), largest=10_000)[-1] == MAX_WIDTH


def test_values_that_are_not_finite_give_the_width_one() -> None:
    assert block_widths(lambda _, width: [np.full((1, width), np.nan)], 3, 64) == (1,)

"""service/codecs/blocks.py: parts of blocks, blocks that are joined, and blocks of a fixed size."""

import numpy as np
import pytest

from model.prediction.predictor import PIECE_ROWS
from service.codecs.blocks import Block, Rebatcher, join_blocks
from service.problems import FieldError

ERROR = [FieldError(field="a", rule="is wrong")]


def block(start: int, rows: int, *invalid: int, complete: bool = False) -> Block:
    values = np.arange(start, start + rows, dtype=float)[:, np.newaxis]
    return Block(values, dict.fromkeys(invalid, ERROR), complete)


def test_a_part_has_its_rows_and_their_errors() -> None:
    part = block(0, 10, 1, 4, 7).part(4, 7)
    assert part.values.ravel().tolist() == [4, 5, 6]
    assert part.errors == {0: ERROR}
    assert not part.complete


def test_joined_blocks_are_complete_if_each_is() -> None:
    whole = join_blocks([block(0, 3, 2), block(3, 2, 0)])
    assert whole.values.ravel().tolist() == [0, 1, 2, 3, 4]
    assert whole.errors == {2: ERROR, 3: ERROR}
    complete = block(0, 1, complete=True)
    assert join_blocks([complete, complete]).complete
    assert not join_blocks([complete, block(0, 1)]).complete
    assert complete.part(0, 1).complete


@pytest.mark.parametrize("sizes", [(1,), (PIECE_ROWS,), (2 * PIECE_ROWS + 3, 5), (3,) * 2000])
def test_blocks_of_any_size_become_blocks_of_a_fixed_size(sizes: tuple[int, ...]) -> None:
    batches, found, start = Rebatcher(), [], 0
    for size in sizes:
        found += list(batches.add(block(start, size, 0)))
        start += size
        assert batches.held_bytes < 2 * block(0, PIECE_ROWS, *range(PIECE_ROWS)).memory_bytes
    assert all(len(each.values) == PIECE_ROWS for each in found)
    found += list(batches.finish())
    assert len(found) == -(-start // PIECE_ROWS)
    whole = join_blocks(found)
    assert whole.values.ravel().tolist() == list(range(start))
    assert list(whole.errors) == np.cumsum([0, *sizes])[:-1].tolist()

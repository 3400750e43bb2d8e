"""Chunks of a batch, whose values fit the processor's cache.

A step over many rows, or many members, would otherwise wait for memory in each of its calls.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.arrays import Array
from model.network.initializers import Generators

# Numbers per chunk in the widest node; 2¹⁶ are 0.5 MB. With fewer rows than MIN_CHUNK_ROWS, narrow
# products and the sums of the chunks' gradients would cost more than the cache saves.
CHUNK_NUMBERS = 2**16
MIN_CHUNK_ROWS = 256


@dataclass(frozen=True)
class Chunk:
    """Some rows of a batch for some members of an ensemble.

    Attributes:
        members: The members; of a single network, the only one.
        rows: The rows.
    """

    members: slice
    rows: slice

    @property
    def size(self) -> tuple[int, int]:
        """The number of members and of rows."""
        return self.members.stop - self.members.start, self.rows.stop - self.rows.start

    def of_parameters(self, vector: Array) -> Array:
        """Return the part of θ or its gradient, `(P,)` or `(K, P)`; a view."""
        return vector[self.members] if vector.ndim > 1 else vector

    def of_generators(self, generator: Generators | None) -> Generators | None:
        """Return the members' own generators, or the one that is given."""
        return generator[self.members] if isinstance(generator, Sequence) else generator

    def of_batch(self, values: Array) -> Array:
        """Return the part of a batch's values, `(units, B)` or `(K, units, B)`; a view.

        A number `()`, which is the same for all rows, is returned as it is.
        """
        if not values.ndim:
            return values
        return (values[self.members] if values.ndim > 2 else values)[..., self.rows]


def chunks_of(members: int, rows: int, width: int) -> list[Chunk]:
    """Divide a batch: several members with all rows where they fit, otherwise rows of one member.

    Args:
        members: The number of members, 1 for a single network.
        rows: The number of rows.
        width: The number of units of the widest node.

    Returns:
        The chunks, first by members, then by rows.
    """
    fitting = CHUNK_NUMBERS // (width * rows)
    most_rows = rows if fitting else max(CHUNK_NUMBERS // width, MIN_CHUNK_ROWS)
    return [
        Chunk(some_members, some_rows)
        for some_members in _evenly(members, max(fitting, 1))
        for some_rows in _evenly(rows, most_rows)
    ]


def _evenly(total: int, most: int) -> Iterator[slice]:
    """Yield slices of equal length, at most `most`; the last one may be shorter."""
    length = -(-total // -(-total // most))
    return (slice(start, min(start + length, total)) for start in range(0, total, length))

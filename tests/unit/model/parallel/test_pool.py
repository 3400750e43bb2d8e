"""The order of results."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from model.parallel.pool import in_order


@given(st.permutations(range(20)))
def test_results_come_in_the_order_of_their_items(order: list[int]) -> None:
    assert list(in_order((number, str(number)) for number in order)) == [
        str(number) for number in range(20)
    ]


def test_a_result_does_not_wait_for_later_ones() -> None:
    taken = []

    def results() -> Iterator[tuple[int, int]]:
        for number in (1, 0, 2):
            taken.append(number)
            yield number, number

    ordered = in_order(results())
    assert next(ordered) == 0
    assert taken == [1, 0]

"""service/protocol/open_connections.py: limits, and which connection makes room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.protocol.open_connections import RESERVE, OpenConnections, Place


class Client:
    """A connection whose client it may wait for."""

    def __init__(self, *, slow: bool = True) -> None:
        self.slow = slow
        self.evicted = False

    def awaits_client(self) -> bool:
        return self.slow

    def evict(self) -> None:
        self.evicted = True


def test_the_connection_that_has_waited_longest_makes_room() -> None:
    connections = OpenConnections(3, 0)
    clients = [Client() for _ in range(3)]
    for each in clients:
        assert connections.add(each, "10.0.0.1") is Place.REGULAR
    connections.wait(clients[0])  # it has sent a whole request, and waits for the next one
    order = [clients[1], clients[2], clients[0]]
    for count in (1, 2, 3):
        assert connections.add(Client(), "10.0.0.2") is Place.REGULAR
        assert [each.evicted for each in order] == [True] * count + [False] * (3 - count)
        assert len(connections) == 3


def test_a_connection_that_has_a_whole_request_does_not_make_room() -> None:
    connections = OpenConnections(2, 0)
    first, second = Client(), Client(slow=False)
    for each in (first, second):
        connections.add(each, "10.0.0.1")
    connections.proceed(first)
    assert connections.add(Client(), "10.0.0.1") is Place.RESERVE
    assert not first.evicted
    assert not second.evicted


def test_an_address_has_a_share_and_makes_room_itself() -> None:
    connections = OpenConnections(10, None)
    other = Client()
    connections.add(other, "10.0.0.1")  # it has waited longest of all
    many = [Client() for _ in range(9)]
    for each in many:
        assert connections.add(each, "10.0.0.2") is Place.REGULAR
    assert [each.evicted for each in many] == [True] + 8 * [False]
    assert not other.evicted


def test_an_ipv6_network_is_one_address() -> None:
    connections = OpenConnections(10, 1)
    first, second = Client(), Client()
    connections.add(first, "fd00:1::1")
    connections.add(Client(), "fd00:2::1")
    assert not first.evicted
    connections.add(second, "fd00:1::2")
    assert first.evicted


@pytest.mark.parametrize("slow", [True, False])
def test_the_reserve_is_bounded(slow: bool) -> None:
    connections = OpenConnections(1, 0)
    connections.add(Client(slow=False), "")
    reserve = [Client(slow=slow) for _ in range(RESERVE)]
    assert {connections.add(each, "") for each in reserve} == {Place.RESERVE}
    more = connections.add(Client(), "")
    assert more is (Place.RESERVE if slow else Place.NONE)
    assert len(connections) == 1 + RESERVE
    assert [each.evicted for each in reserve] == [slow] + [False] * (RESERVE - 1)


Step = tuple[str, int, int]


@given(
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(0, 3)),
    st.lists(st.tuples(st.sampled_from(["add", "discard", "wait", "proceed"]), st.integers(0, 9))),
)
def test_any_sequence_keeps_the_limits_and_leaves_nothing(
    most: int, share: int | None, steps: list[tuple[str, int]]
) -> None:
    connections = OpenConnections(most, share)
    added: list[Client] = []
    for step, number in steps:
        if step == "add":
            added.append(Client(slow=number % 2 == 0))
            if connections.add(added[-1], f"10.0.0.{number % 3}") is Place.NONE:
                added.pop()
        elif added:
            getattr(connections, step)(added[number % len(added)])
        assert len(connections._regular) <= most
        assert sum(connections._by_network.values()) == len(connections._regular)
        assert set(connections._waiting) <= {*connections._regular, *connections._reserve}
    for each in added:
        connections.discard(each)
    assert not len(connections)
    assert not connections._waiting
    assert not connections._by_network

"""service/overload/memory.py: charges within a budget, and release of every byte."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.overload.memory import Lease, MemoryLedger, memory_full, spools_full
from service.problems import Problem


def test_leases_share_the_budget() -> None:
    ledger = MemoryLedger(100)
    first, second = ledger.lease(), ledger.lease()
    first.add(60)
    with pytest.raises(Problem) as full:
        second.add(41)
    assert str(full.value) == "503: The memory for requests is filled by other requests."
    assert full.value.headers == {"Retry-After": "1"}
    second.add(40)
    assert (first.charged_bytes, second.charged_bytes, ledger.charged_bytes) == (60, 40, 100)
    first.resize(10)
    second.resize(90)
    assert ledger.charged_bytes == 100


def test_a_rejected_charge_changes_nothing() -> None:
    ledger = MemoryLedger(100)
    lease = ledger.lease()
    lease.add(70)
    for charge, size in ((lease.add, 31), (lease.resize, 101)):
        with pytest.raises(Problem, match="413"):
            charge(size)
        assert lease.charged_bytes == ledger.charged_bytes == 70


@pytest.mark.parametrize(("arriving", "limit"), [(False, 100), (True, 50)])
def test_what_cannot_fit_is_too_large(arriving: bool, limit: int) -> None:
    lease = MemoryLedger(100).lease(arriving=arriving)
    with pytest.raises(Problem, match="413: The request needs more memory than the service has"):
        lease.add(limit + 1)
    lease.add(limit)


def test_a_lease_is_released_at_the_end_of_its_context() -> None:
    ledger = MemoryLedger(100)
    with ledger.lease() as lease:
        lease.add(100)
    assert ledger.charged_bytes == lease.charged_bytes == 0


def test_what_arrives_leaves_half_of_the_budget_to_work() -> None:
    ledger = MemoryLedger(100)
    waiting, other = ledger.lease(arriving=True), ledger.lease(arriving=True)
    waiting.add(50)
    with pytest.raises(Problem):
        other.add(1)
    waiting.charge_work(20)
    other.add(30)
    with pytest.raises(Problem):
        other.add(1)
    waiting.resize(0)
    other.add(20)
    with pytest.raises(Problem):
        other.add(1)
    other.resize(0)
    assert ledger.charged_bytes == 0
    other.add(50)


def test_the_problem_and_the_observer_are_the_ledgers_own() -> None:
    totals: list[int] = []
    spools = MemoryLedger(10, spools_full, on_change=totals.append)
    lease = spools.lease()
    lease.add(4)
    lease.add(6)
    with pytest.raises(Problem, match="507"):
        spools.lease().add(1)
    lease.resize(0)
    assert totals == [4, 10, 0]
    assert memory_full().status == 503


def test_threads_share_a_ledger() -> None:
    ledger = MemoryLedger(3000)

    def work(lease: Lease) -> None:
        for _ in range(10_000):
            lease.add(3)
            lease.resize(lease.charged_bytes - 2)
            lease.add(-1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [ledger.lease(arriving=number % 2 == 0) for number in range(8)]))
    assert ledger.charged_bytes == 0
    ledger.lease(arriving=True).add(1500)

"""service/overload/turns.py: which part is next."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.overload import turns
from service.overload.turns import NEW_SHARE, OTHERS_SHARE, TURN_SECONDS, ClientQueues, Job, Turns

PART_SECONDS = 0.01


class Clock:
    """The clock of the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(turns, "monotonic", lambda: self.now)


def other_job(client: str = "") -> Job:
    """A job that has used its first turn."""
    job = Job(client)
    job.started, job.seconds = True, TURN_SECONDS
    return job


def serve(line: Turns, seconds: float = PART_SECONDS) -> Job | None:
    """Give one part a thread for some seconds."""
    job = line.pop()
    if job is not None:
        line.start(job)
        line.finish_part(job, seconds)
    return job


clients = st.sampled_from("abc")


@given(st.lists(st.tuples(st.sampled_from(["add", "pop", "discard"]), clients), max_size=60))
def test_queues_hold_what_was_added_until_it_is_removed(steps: list[tuple[str, str]]) -> None:
    queues, held = ClientQueues(), list[Job]()
    for step, client in steps:
        if step == "add":
            held.append(Job(client))
            queues.add(held[-1])
        elif step == "pop" and held:
            job = queues.pop()
            assert job is next(each for each in held if each.client == job.client)
            held.remove(job)
        elif step == "discard":
            of_client = [each for each in held if each.client == client]
            queues.discard(of_client[-1] if of_client else Job(client))
            held = [each for each in held if each not in of_client[-1:]]
        sizes = Counter(each.client for each in held)
        assert (len(queues), queues.clients) == (len(held), len(sizes))
        assert all(queues.of(each) == sizes[each] for each in "abc")
        if held:
            newest = queues.newest_of_longest()
            assert sizes[newest.client] == max(sizes.values())
            assert newest is [each for each in held if each.client == newest.client][-1]


@given(st.lists(clients, min_size=1, max_size=40))
def test_clients_take_turns(arrivals: list[str]) -> None:
    queues = ClientQueues()
    for client in arrivals:
        queues.add(Job(client))
    served = [queues.pop().client for _ in arrivals]
    left = Counter(arrivals)
    while any(left.values()):  # in each round one of each client that is left
        waiting = {client for client, jobs in left.items() if jobs}
        now, served = served[: len(waiting)], served[len(waiting) :]
        assert set(now) == waiting
        left -= Counter(now)


@given(
    st.lists(st.tuples(clients, st.integers(1, 60), st.booleans()), min_size=1, max_size=12),
    st.data(),
)
def test_every_part_gets_a_thread(specs: list[tuple[str, int, bool]], data: st.DataObject) -> None:
    line, left = Turns(2), dict[Job, int]()
    for client, parts, is_long in specs:
        job = other_job(client) if is_long else Job(client)
        left[job] = parts
        line.add(job)
    while left:
        served = serve(line)
        assert served is not None
        left[served] -= 1
        if left[served] and data.draw(st.integers(0, 9)):
            line.add(served)
        else:
            line.end(served)
            del left[served]
    assert line.pop() is None
    assert not line._favoured


@pytest.mark.parametrize(
    ("other_seconds", "new_seconds"), [(0.01, 0.01), (0.04, 0.002), (0.005, 0.2)]
)
def test_the_others_have_a_share_of_the_time(other_seconds: float, new_seconds: float) -> None:
    """Of the time, whatever the time of a part."""
    line, other, new = Turns(2), 0.0, 0.0
    for _ in range(5):
        line.add(other_job())
    line.add(Job())
    for _ in range(3000):
        job = line.pop()
        assert job is not None
        is_other = job.is_long
        line.start(job)
        line.add(job if is_other else Job())
        line.finish_part(job, other_seconds if is_other else new_seconds)
        if is_other:
            other += other_seconds
        else:
            line.end(job)
            new += new_seconds
    assert other / (other + new) == pytest.approx(OTHERS_SHARE, abs=0.02)


def test_the_others_take_turns_by_client_and_have_all_idle_time() -> None:
    line, streams = Turns(2), [other_job(client) for client in "aab"]
    for job in streams:
        line.add(job)
    served = []
    for _ in range(12):
        stream = serve(line, 0.6)  # two parts a turn
        assert stream is not None
        served.append(streams.index(stream))
        line.add(stream)
    assert served == [0, 2, 0, 2, 1, 2, 1, 2, 0, 2, 0, 2]  # b has as much as both of a


def test_idle_time_is_not_charged_later() -> None:
    line = Turns(2)
    stream = other_job()
    line.add(stream)
    for _ in range(1000):
        serve(line)
        line.add(stream)
    for _ in range(10):
        line.add(Job())
    served = [serve(line) for _ in range(2)]
    assert served[0] is not stream
    assert served[1] is stream


def test_few_are_favoured_and_finished_first() -> None:
    line = Turns(1)
    jobs = [Job("a") for _ in range(5)]
    for job in jobs:
        line.add(job)
    assert [serve(line) for _ in range(3)] == jobs[:3]  # none has a further part yet
    for job in (jobs[1], jobs[0]):
        line.add(job)
    line.discard(jobs[4])
    assert [serve(line) for _ in range(3)] == [jobs[1], jobs[3], jobs[0]]  # the share of a new one


def test_new_requests_have_a_share_of_the_time_of_the_favoured() -> None:
    line, favoured = Turns(1), Job()
    line.add(favoured)
    serve(line)
    new = 0
    line.add(Job())
    for _ in range(800):
        favoured.seconds = PART_SECONDS  # as if it were another favoured one
        if favoured not in line._favoured_waiting:
            line.add(favoured)
        job = serve(line)
        assert job is not None
        if job is not favoured:
            new += 1
            line.end(job)
            line.add(Job())
    assert new / 800 == pytest.approx(NEW_SHARE, abs=0.01)


def test_a_favoured_request_that_has_used_its_turn_makes_room() -> None:
    line = Turns(1)
    stream, new = Job("a"), Job("a")
    for _ in range(round(TURN_SECONDS / PART_SECONDS)):
        line.add(stream)
        assert serve(line) is stream
    line.add(stream)
    line.add(new)
    assert serve(line) is new
    line.end(new)
    assert not line._favoured
    assert serve(line) is stream


def test_a_slow_client_is_not_favoured_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    line = Turns(1)
    slow = [Job("slow") for _ in range(2)]
    for job in slow:
        line.add(job)
        serve(line)
    first, second = Job("other"), Job("other")
    for seconds, job, favoured in ((0.0, first, False), (turns.IDLE_SECONDS + 0.1, second, True)):
        clock.now += seconds
        line.add(job)
        assert serve(line) is job
        new = Job("other")
        line.add(new)
        line.add(job)
        assert (serve(line) is job) is favoured
        line.discard(job)
        line.discard(new)
    line.add(slow[0])
    assert serve(line) is slow[0]


def test_a_waiting_request_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    line = Turns(1)
    begun = [Job() for _ in range(2)]
    for job in begun:
        line.add(job)
        serve(line)
    line.add(begun[0])
    line.start(begun[1])  # runs
    line._favoured[begun[1]] = float("inf")
    clock.now += turns.IDLE_SECONDS + 0.1
    line.start(Job())  # in another thread
    assert list(line._favoured) == begun


@pytest.mark.parametrize("streams", [1, 50])
def test_streams_that_are_opened_again_and_again_do_not_delay_other_clients(streams: int) -> None:
    """That a client has many streams does not help it."""
    line = Turns(2)
    for _ in range(streams):
        line.add(Job("greedy"))
    for _ in range(20):
        other, parts = Job("other"), 1
        line.add(other)
        while (job := serve(line)) is not other:
            assert job is not None
            parts += 1
            if job.is_long:  # reset by its client, and opened again
                line.end(job)
                job = Job("greedy")
            line.add(job)
        line.end(other)
        assert parts <= (4 * TURN_SECONDS / PART_SECONDS + 4) / (1 - OTHERS_SHARE)  # four favoured

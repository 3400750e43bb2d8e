"""Processes of this machine: results, errors, and items that are read when they are needed."""

import os
import pickle
import signal
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from model.errors import DataError, MalignancyError
from model.parallel.opening import open_pool
from model.training.fitting.history import History
from model.training.fitting.loop import DivergedError


def multiply(shared: int, item: int) -> int:
    return shared * item


def end_process(_: object, __: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(_: object, __: int) -> None:
    raise DataError("line 3: wrong")


def diverge(_: object, __: int) -> None:
    raise DivergedError("step 7", np.ones(3), History())


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.process)])
@pytest.mark.parametrize("ahead", [1, 2])
def test_each_item_has_its_result(jobs: int, ahead: int) -> None:
    with open_pool(jobs) as pool:
        found = dict(pool.run(multiply, range(7), pool.share(3), ahead=ahead))
    assert found == {number: 3 * number for number in range(7)}


def test_a_pool_of_one_is_this_process_and_reads_an_item_at_a_time() -> None:
    read = []

    def items() -> Iterator[int]:
        for item in range(3):
            read.append(item)
            yield item

    with open_pool(1) as pool:
        assert (pool.is_here, pool.size) == (True, 1)
        results = pool.run(multiply, items(), 1)
        assert next(results) == (0, 0)
        assert read == [0]


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.process)])
@pytest.mark.parametrize(("function", "text"), [(fail, "line 3: wrong"), (diverge, "step 7")])
def test_an_error_of_the_function_is_raised(
    jobs: int, function: Callable[[object, int], None], text: str
) -> None:
    with open_pool(jobs) as pool, pytest.raises(MalignancyError, match=f"^{text}$"):
        list(pool.run(function, range(2)))


@pytest.mark.process
def test_a_lost_process_is_an_error() -> None:
    with open_pool(2) as pool, pytest.raises(MalignancyError, match=r"^a process ended unexpec"):
        list(pool.run(end_process, range(2)))


def test_a_diverged_training_can_be_sent_with_its_weights() -> None:
    found = pickle.loads(pickle.dumps(DivergedError("step 7", np.ones(3), History())))
    assert (str(found), found.theta.tolist(), found.history) == ("step 7", [1, 1, 1], History())

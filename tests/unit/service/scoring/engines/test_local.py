"""The engine on this machine: lost workers, errors, Ctrl-C."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engine_items import Item, end_in_finalizer, fail, is_running, items, square
from support.eventually import until
from support.paths import ROOT

from model.errors import DataError, MalignancyError
from service.scoring.engines.local import LocalEngine

pytestmark = pytest.mark.process

PROGRAM = """
import sys
from pathlib import Path
from support.engine_items import block, items
from service.scoring.engines.local import LocalEngine

if __name__ == "__main__":
    with LocalEngine(2) as engine:
        list(engine.run(block, items(Path(sys.argv[1]), 4)))
"""


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_item_is_run_once(workers: int, tmp_path: Path) -> None:
    work = items(tmp_path, 7)
    with LocalEngine(workers) as engine:
        assert sorted(engine.run(square, work)) == [(number, number**2) for number in range(7)]
        again = list(engine.run(square, work[:2]))
    assert sorted(again) == [(0, 0), (1, 1)]
    assert [len(item.runs()) for item in work] == [2, 2, 1, 1, 1, 1, 1]


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    (item,) = items(tmp_path, 1)
    with LocalEngine(1) as engine:
        list(engine.run(square, [item]))
    assert item.runs() == [os.getpid()]


def test_there_are_as_many_processes_as_workers(tmp_path: Path) -> None:
    work = items(tmp_path, 12)
    with LocalEngine(2) as engine:
        list(engine.run(square, work))
    processes = {process for item in work for process in item.runs()}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert not any(map(is_running, processes))


@pytest.mark.parametrize("workers", [1, 2])
def test_no_items(workers: int) -> None:
    with LocalEngine(workers) as engine:
        assert list(engine.run(square, [])) == []


def test_items_of_killed_workers_run_again(tmp_path: Path) -> None:
    work = items(tmp_path, 8, item_0=2, item_3=1, item_7=2)
    with LocalEngine(2) as engine:
        found = list(engine.run(square, work))
    assert sorted(found) == [(number, number**2) for number in range(8)]
    assert [len(item.runs()) for item in work] == [3, 1, 1, 2, 1, 1, 1, 3]


def test_item_that_always_kills_its_worker_is_named(tmp_path: Path) -> None:
    work = items(tmp_path, 4, item_2=9)
    engine = LocalEngine(2)
    with engine, pytest.raises(MalignancyError, match=r"^item 2: its worker process ended 3 times"):
        list(engine.run(square, work))
    assert len(work[2].runs()) == 3
    assert max(len(item.runs()) for item in work if item.number != 2) == 1


def test_worker_that_is_killed_between_two_runs_is_replaced(tmp_path: Path) -> None:
    work = items(tmp_path, 4)
    with LocalEngine(2) as engine:
        list(engine.run(square, work))
        for process in {process for item in work for process in item.runs()}:
            os.kill(process, signal.SIGKILL)
        found = list(engine.run(square, work))
    assert sorted(found) == [(number, number**2) for number in range(4)]


def test_items_of_terminated_workers_run_again(tmp_path: Path) -> None:
    work = [Item(number, tmp_path, kills=1, sent=signal.SIGTERM) for number in range(3)]
    with LocalEngine(2) as engine:
        assert sorted(engine.run(square, work)) == [(0, 0), (1, 1), (2, 4)]
    assert [len(item.runs()) for item in work] == [2, 2, 2]


def test_worker_that_is_terminated_in_a_finalizer_ends(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    work = [Item(number, tmp_path, kills=1, sent=signal.SIGTERM) for number in range(2)]
    with LocalEngine(2) as engine:
        assert sorted(engine.run(end_in_finalizer, work)) == [(0, 0), (1, 1)]
    assert [len(item.runs()) for item in work] == [2, 2]
    assert capfd.readouterr().err == ""


def test_error_cancels_the_rest(tmp_path: Path) -> None:
    work = items(tmp_path, 9)
    with LocalEngine(2) as engine, pytest.raises(DataError, match=r"^item 3 is wrong$"):
        list(engine.run(fail, work))
    assert not any(is_running(process) for item in work for process in item.runs())
    assert not any(item.runs() for item in work[5:])


def test_error_with_one_worker(tmp_path: Path) -> None:
    work = items(tmp_path, 9)
    with LocalEngine(1) as engine, pytest.raises(DataError, match=r"^item 3 is wrong$"):
        list(engine.run(fail, work))


def test_workers_end_when_the_results_are_left(tmp_path: Path) -> None:
    work = [Item(number, tmp_path) for number in (0, 4, 5)]
    with LocalEngine(2) as engine:
        results: Iterator[tuple[int, int]] = engine.run(fail, work)
        assert next(results) == (0, 0)
        until(work[2].runs)  # it runs while the result is used
    assert not any(is_running(process) for item in work for process in item.runs())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_program(sent: signal.Signals, tmp_path: Path) -> None:
    program, work = tmp_path / "program.py", items(tmp_path, 4)
    program.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = [sys.executable, str(program), str(tmp_path)]
    with subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        until(lambda: work[0].runs() and work[1].runs())
        if sent == signal.SIGINT:
            os.killpg(process.pid, sent)  # as a terminal does
        else:
            process.kill()
        _, errors = process.communicate()
    workers = [*work[0].runs(), *work[1].runs()]
    until(lambda: not any(map(is_running, workers)))
    assert process.returncode == -sent
    assert errors.count("Traceback") == (sent == signal.SIGINT)
    assert [(tmp_path / f"{number}.end").exists() for number in range(4)] == [
        sent == signal.SIGINT
    ] * 2 + [False] * 2

"""Tests of service.observability.number_store and number_file: sums over processes."""

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import ROOT

from service.observability.number_file import CHUNK_BYTES, SUFFIX, NumberFile, read_numbers
from service.observability.number_store import NumberStore

IN_FLIGHT = ("in_flight",)
REQUESTS = ("requests", "/predict")

# A worker that counts 1000 requests, one of which is in flight, and then ends or waits.
WORKER = """
import sys
from pathlib import Path
from service.observability.number_store import NumberStore
store = NumberStore(Path(sys.argv[1]), {("in_flight",)})
for _ in range(1000):
    store.numbers(("requests", "/predict"))[0] += 1
store.numbers(("in_flight",))[0] += 1
print("counted", flush=True)
if sys.argv[2] == "wait":
    sys.stdin.read()
"""


def start_worker(folder: Path, end: str) -> "subprocess.Popen[str]":
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), end],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "counted\n"
    return worker


def end_worker(worker: "subprocess.Popen[str]", number: int = 0) -> None:
    if number:
        worker.send_signal(number)
    worker.communicate()


def test_numbers_begin_at_zero_and_are_changed_in_place() -> None:
    store = NumberStore()
    numbers = store.numbers(REQUESTS, 3)
    assert list(numbers) == [0, 0, 0]
    numbers[1] += 2
    numbers[2] += 0.25
    assert store.numbers(REQUESTS, 3) is numbers
    assert store.totals() == {REQUESTS: [0, 2, 0.25]}
    store.remove(lambda key: key == IN_FLIGHT)
    assert store.totals() == {REQUESTS: [0, 2, 0.25]}
    store.remove(lambda key: key == REQUESTS)
    assert store.totals() == {}


@pytest.mark.parametrize("number", [0, signal.SIGTERM, signal.SIGKILL])
def test_no_count_is_lost_when_a_worker_ends(tmp_path: Path, number: int) -> None:
    store = NumberStore(tmp_path, {IN_FLIGHT})
    store.numbers(REQUESTS)[0] += 1
    workers = [start_worker(tmp_path, "wait") for _ in range(2)]
    assert store.totals() == {REQUESTS: [2001], IN_FLIGHT: [2]}
    for worker in workers:
        end_worker(worker, number)
    assert store.totals() == {REQUESTS: [2001]}
    end_worker(start_worker(tmp_path, "end"))
    assert store.totals() == {REQUESTS: [3001]}


keys = st.lists(
    st.tuples(st.text(max_size=300), st.text(max_size=300)), min_size=1, max_size=50, unique=True
)


@given(keys, st.integers(1, 300), st.data())
def test_a_file_has_the_numbers_of_all_keys(
    tmp_path_factory: pytest.TempPathFactory,
    some: list[tuple[str, str]],
    size: int,
    data: st.DataObject,
) -> None:
    file = NumberFile(tmp_path_factory.mktemp("numbers"))
    expected = {}
    for key in some:
        numbers = file.append(key, size)
        assert numbers.tolist() == [0] * size
        expected[key] = [0.0] * size
        for _ in range(3):
            at, value = data.draw(st.integers(0, size - 1)), data.draw(st.floats(0, 1e9))
            numbers[at] += value
            expected[key][at] += value
    assert read_numbers(file.path) == (expected, True)
    shutil.rmtree(file.path.parent)


def test_a_file_grows_by_chunks(tmp_path: Path) -> None:
    store = NumberStore(tmp_path)
    count = 3 * CHUNK_BYTES // 1000
    for number in range(count):
        store.numbers((str(number),), 100)[99] += number
    assert list(store.totals()) == [(str(number),) for number in range(count)]
    (path,) = tmp_path.glob(f"*{SUFFIX}")
    numbers, _ = read_numbers(path)
    assert [each[99] for each in numbers.values()] == list(range(count))
    assert path.stat().st_size % CHUNK_BYTES == 0


@pytest.mark.parametrize("length", [0, 1, 8, 100, CHUNK_BYTES - 1, CHUNK_BYTES + 9])
def test_a_file_that_is_being_created_is_read(tmp_path: Path, length: int) -> None:
    store = NumberStore(tmp_path)
    store.numbers(REQUESTS)[0] += 1
    (tmp_path / f"new{SUFFIX}").write_bytes(bytes(length))
    assert store.totals() == {REQUESTS: [1]}


def test_totals_are_read_while_numbers_are_added() -> None:
    store, ended = NumberStore(), threading.Event()
    errors: list[BaseException] = []

    def read() -> None:
        try:
            while not ended.is_set():
                store.totals()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(20_000):
        store.numbers((str(number % 2000),))[0] += 1
    ended.set()
    thread.join()
    assert not errors
    assert sum(total for (total,) in store.totals().values()) == 20_000

"""Calls on workers: versions and BLAS threads that results depend on."""

import pytest

from model.errors import MalignancyError
from model.parallel.remote_call import call, versions


def add(shared: int, item: int) -> int:
    return shared + item


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_the_function_gets_the_shared_value_and_the_item() -> None:
    assert call(versions(), add, 1, 2) == 3


@pytest.mark.parametrize("name", ["malignancy", "Python", "NumPy"])
def test_another_version_is_refused(name: str) -> None:
    with pytest.raises(
        MalignancyError, match=rf"^--cluster: a worker has {name} .*, this program 0"
    ):
        call({**versions(), name: "0"}, add, 1, 2)


@pytest.mark.parametrize("threads", [None, "2"])
def test_several_blas_threads_are_refused(
    monkeypatch: pytest.MonkeyPatch, threads: str | None
) -> None:
    if threads is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
    else:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads)
    with pytest.raises(MalignancyError, match=r"OMP_NUM_THREADS=1"):
        call(versions(), add, 1, 2)

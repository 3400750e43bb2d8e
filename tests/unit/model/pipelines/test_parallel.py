"""Parallel processing: results of other processes, and a helpful error without Dask."""

import joblib
import pytest

from model.errors import MalignancyError
from model.pipelines.parallel import workers


def test_processes_of_this_machine() -> None:
    with workers(2):
        assert joblib.Parallel()(joblib.delayed(abs)(number) for number in (-1, 2)) == [1, 2]


def test_missing_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.pipelines.parallel.find_spec", lambda _: None)
    with pytest.raises(MalignancyError, match=r"^--cluster needs Dask: pip install distributed$"):
        workers(2, "tcp://127.0.0.1:1")

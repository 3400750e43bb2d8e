"""Opening a pool: a helpful error without Dask."""

import pytest

from model.errors import MalignancyError
from model.parallel.opening import open_pool


def test_missing_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.parallel.dask_pool.find_spec", lambda _: None)
    text = r"^--cluster needs Dask: pip install distributed$"
    with pytest.raises(MalignancyError, match=text), open_pool(2, "tcp://127.0.0.1:1"):
        raise AssertionError

import numpy as np
import pytest

from model.arrays import CACHE_LINE, aligned


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(), (1,), (3, 0), (15, 500), (20, 3, 7)])
def test_buffers_start_at_a_cache_line(shape: tuple[int, ...], dtype: str) -> None:
    buffers = [aligned(shape, dtype) for _ in range(10)]
    assert all(buffer.ctypes.data % CACHE_LINE == 0 for buffer in buffers if buffer.size)
    assert all(buffer.shape == shape and buffer.dtype == dtype for buffer in buffers)
    assert not any(buffer.any() or np.shares_memory(buffer, buffers[0]) for buffer in buffers[1:])

"""The memory that a call allocates."""

import tracemalloc
from collections.abc import Callable

CALLS = 4


def allocated_bytes(call: Callable[[], object]) -> int:
    """Return the memory that a call allocates: the least of several calls.

    The first call may allocate what remains, and other threads of the process may allocate during
    any of them.
    """
    peaks = []
    tracemalloc.start()
    try:
        for _ in range(CALLS):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            call()
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return min(peaks)

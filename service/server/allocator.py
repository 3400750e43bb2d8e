"""Settings of the C library's allocator: memory of large buffers returns to the system when freed.

glibc raises the size from which it maps a buffer separately to the largest one that was freed, up
to 32 MiB. Later bodies of that size would then share the heap with small objects, which keep it
from shrinking: under load, the process would take over 100 MB more than is in use.
"""

import ctypes
from typing import Final

MAPPED_BYTES: Final = 1024 * 1024  # larger than the arrays of a block of rows, which are frequent
TRIM_BYTES: Final = 4 * 1024 * 1024  # free at the end of a heap, above which it shrinks
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def return_large_buffers() -> bool:
    """Fix the thresholds of glibc; return False for another C library."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    results = [mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES), mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)]
    return all(results)

"""The C library's allocator: free memory returns to the system, at the start and of large buffers.

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


def return_free_memory() -> bool:
    """Return what the start has freed, and fix the thresholds of glibc; False for another library.

    The start frees 0.5 MB between objects that stay. glibc would keep it.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt, trim = library.mallopt, library.malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    results = [mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES), mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)]
    trim(0)
    return all(results)

"""service/server/allocator.py: freed memory returns to the system, whatever was freed before."""

import platform
import subprocess
import sys

import pytest

# A freed buffer of 30 MiB raises glibc's own threshold. Small objects then follow each large one.
RESIDENT = """
import sys
from pathlib import Path
from service.server.allocator import return_free_memory

def resident():
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024
"""
LARGE_BUFFERS = """
if sys.argv[1] == "fixed":
    assert return_free_memory()
bytearray(30 << 20)
kept, large = [], []
for _ in range(20):
    large.append(bytearray(10 << 20))
    kept.append(bytearray(1000))
before = resident()
del large
print((before - resident()) >> 20)
"""
# glibc itself returns only the memory at the end of the heap.
HOLES = """
each = [bytearray(10_000) for _ in range(3000)]
kept = each[::10]
del each
before = resident()
if sys.argv[1] == "fixed":
    assert return_free_memory()
print((before - resident()) >> 20)
"""


pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it sets options of glibc"),
]


@pytest.mark.parametrize(("argument", "returns"), [("fixed", True), ("default", False)])
@pytest.mark.parametrize(("program", "megabytes"), [(LARGE_BUFFERS, 190), (HOLES, 15)])
def test_freed_memory_returns_to_the_system(
    program: str, megabytes: int, argument: str, returns: bool
) -> None:
    command = [sys.executable, "-c", RESIDENT + program, argument]
    returned = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert (returned >= megabytes) == returns

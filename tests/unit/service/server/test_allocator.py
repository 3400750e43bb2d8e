"""service/server/allocator.py: freed buffers return to the system, whatever was freed before."""

import platform
import subprocess
import sys

import pytest

# A freed buffer of 30 MiB raises glibc's own threshold. Small objects then follow each large one.
PROGRAM = """
import sys
from pathlib import Path
from service.server.allocator import return_large_buffers

def resident():
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024

if sys.argv[1] == "fixed":
    assert return_large_buffers()
bytearray(30 << 20)
kept, large = [], []
for _ in range(20):
    large.append(bytearray(10 << 20))
    kept.append(bytearray(1000))
before = resident()
del large
print((before - resident()) >> 20)
"""


@pytest.mark.process
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it sets options of glibc")
@pytest.mark.parametrize(("argument", "returns"), [("fixed", True), ("default", False)])
def test_freed_buffers_return_to_the_system(argument: str, returns: bool) -> None:
    command = [sys.executable, "-c", PROGRAM, argument]
    returned = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert (returned >= 190) == returns

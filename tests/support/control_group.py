"""A control group with a memory limit, for processes that a test starts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.eventually import until

MOUNT = Path("/sys/fs/cgroup")


@contextmanager
def limited_memory(limit_bytes: int) -> Iterator[Path]:
    """Create a group within the context; skip the test where that is not possible.

    Yields:
        The file to which a process's id is written to move the process into the group.
    """
    v1 = (MOUNT / "memory").is_dir()
    folder = (MOUNT / "memory" if v1 else MOUNT) / f"malignancy-test-{os.getpid()}"
    limits = {"memory.limit_in_bytes": limit_bytes} if v1 else {"memory.max": limit_bytes}
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error.strerror}")
    try:
        for name, value in limits.items():
            if not (folder / name).exists():
                pytest.skip(f"the control group has no {name}")
            (folder / name).write_text(str(value))
        yield folder / "cgroup.procs"
        until(lambda: not (folder / "cgroup.procs").read_text())
    finally:
        folder.rmdir()

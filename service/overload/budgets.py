"""Default budgets of memory, from the memory limit of the process's control group."""

from pathlib import Path
from typing import Final, NamedTuple

MIB: Final = 1024**2
RESERVED_BYTES: Final = 160 * MIB  # of a process, for the interpreter, models and connections
MIN_BYTES: Final = 64 * MIB  # of each budget
CONTROL_GROUPS: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")


class Budgets(NamedTuple):
    """Maximum bytes of one process.

    Attributes:
        memory_bytes: For requests.
        spool_bytes: For answers in temporary files, which may be in memory too (tmpfs).
    """

    memory_bytes: int
    spool_bytes: int

    @classmethod
    def for_limit(cls, limit_bytes: int | None, workers: int) -> "Budgets":
        """Divide a memory limit among processes: two thirds for requests, one third for spools.

        Args:
            limit_bytes: The limit of all processes together; None if there is none.
            workers: Number of processes.

        Returns:
            The budgets of each process: 256 MiB and 1 GiB without a limit.
        """
        if limit_bytes is None:
            return cls(256 * MIB, 1024 * MIB)
        free_bytes = limit_bytes // workers - RESERVED_BYTES
        return cls(max(MIN_BYTES, free_bytes * 2 // 3), max(MIN_BYTES, free_bytes // 3))


def memory_limit(
    membership: Path = MEMBERSHIP, control_groups: Path = CONTROL_GROUPS
) -> int | None:
    """Return the memory limit of the process's control group and of those above it, in bytes.

    Args:
        membership: The file that lists the groups of the process.
        control_groups: The folder where they are mounted, version 1 or 2.

    Returns:
        The smallest limit; None if there is none, or no control groups.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, name = control_groups, "memory.max"
        elif "memory" in controllers.split(","):
            mount, name = control_groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = mount / path.lstrip("/")
        folders = [each for each in (group, *group.parents) if each.is_relative_to(mount)]
        limits += [_read_limit(folder / name) for folder in folders]
    return min((limit for limit in limits if limit), default=None)


def _read_limit(file: Path) -> int | None:
    """Return the limit in a file; None if there is none, which version 1 has as a huge number."""
    try:
        limit = int(file.read_text())
    except (OSError, ValueError):  # version 2 has "max"
        return None
    return limit if limit < 1 << 60 else None

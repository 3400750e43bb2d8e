"""File descriptors of a process: the standard ones are open, and the limit is the highest one."""

import logging
import os
from contextlib import suppress
from typing import Final

logger = logging.getLogger(__name__)

OTHER_DESCRIPTORS: Final = 192  # of listening sockets, files, and connections for health checks


def open_standard_descriptors() -> None:
    """Open the null device as each of the descriptors 0 to 2 that the parent has closed.

    Otherwise a socket would get the number, and what is written to standard error would go to a
    client. Called before anything else opens a file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
            os.set_inheritable(descriptor, True)  # by the processes of workers


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open files to the hard limit; each connection needs a descriptor."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS has a lower limit than the one that it reports
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def limit_connections(max_connections: int) -> int:
    """Return how many connections have a descriptor; log a warning if they are fewer than allowed.

    Otherwise the event loop would close further connections without a word.

    Args:
        max_connections: Maximum number of connections by the settings.
    """
    try:
        import resource
    except ImportError:
        return max_connections
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    available = max(1, limit - OTHER_DESCRIPTORS)
    if limit == resource.RLIM_INFINITY or available >= max_connections:
        return max_connections
    logger.warning("connections_limited", extra={"connections": available, "open_files": limit})
    return available
